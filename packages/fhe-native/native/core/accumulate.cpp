#include <algorithm>
#include <array>

#include "accumulator.hpp"

namespace fhe {
namespace {

// Rows and coefficients of one piece: both polynomials of 4 x 512 residues are 32 KB, two thirds of a usual L1 cache.
constexpr std::size_t piece_rows = 4;
constexpr std::size_t piece_length = 512;

// A group of rows of one ciphertext number, expanded piece by piece.
class Expander {
 public:
  explicit Expander(const Cipher& cipher)
      : streams_{MaskStream(cipher), MaskStream(cipher), MaskStream(cipher), MaskStream(cipher)},
        words_(2 * piece_rows * (piece_length + 16)) {
    for (std::size_t r = 0; r < piece_rows; ++r) {
      c0[r] = words_.data() + 2 * r * (piece_length + 16);
      c1[r] = words_.data() + (2 * r + 1) * (piece_length + 16);
    }
  }

  bool key(const u8* seed) {
    return std::all_of(streams_.begin(), streams_.end(), [&](MaskStream& stream) { return stream.key(seed); });
  }
  bool start(const SeededRows& rows, std::size_t first, std::size_t count, std::size_t ciphertext, std::size_t prime) {
    for (std::size_t r = 0; r < count; ++r)
      if (!streams_[r].start(rows.stream_indexes[first + r], static_cast<u32>(ciphertext), static_cast<u32>(prime)))
        return false;
    return true;
  }
  // packed: where row r's piece lies.
  Fault next(const Kernels& kernels, const Modulus& prime, const u8* const* packed, std::size_t count,
             std::size_t length) {
    for (std::size_t r = 0; r < count; ++r) {
      if (!kernels.unpack(packed[r], c0[r], length, prime.bits, prime.q)) return Fault::residue;
      if (!streams_[r].next(kernels, prime, c1[r], length)) return Fault::cipher;
    }
    return Fault::none;
  }

  u64* c0[piece_rows];
  u64* c1[piece_rows];

 private:
  std::array<MaskStream, piece_rows> streams_;
  Words words_;
};

// Where a ciphertext's residues modulo a prime start among its packed bytes.
std::size_t packed_offset(const Ring& ring, std::size_t prime) {
  std::size_t bytes = 0;
  for (std::size_t p = 0; p < prime; ++p) bytes += ring.n * ring.primes[p].bits / 8;
  return bytes;
}

void use(const Term& term, const Expander& expander, std::size_t prime, std::size_t row, std::size_t count,
         std::size_t at, std::size_t length) {
  if (term.weights == nullptr) {
    term.into->add_piece(0, prime, at, expander.c0, count, length);
    term.into->add_piece(1, prime, at, expander.c1, count, length);
    return;
  }
  const u64 *d0[piece_rows], *d1[piece_rows];
  for (std::size_t r = 0; r < count; ++r) {
    d0[r] = term.weights->polynomial(term.weights_first + row + r, 0, prime) + at;
    d1[r] = term.weights->polynomial(term.weights_first + row + r, 1, prime) + at;
  }
  term.into->multiply_piece(prime, at, {{}, 0, expander.c0, expander.c1, d0, d1, count, length});
}

bool fits(const Ring& ring, const SeededRows& rows, std::size_t first, std::size_t count, const Term& term) {
  if (!rows.holds(ring, term.ciphertext, first, count) || &term.into->ring() != &ring) return false;
  if (term.weights == nullptr) return term.into->degree() == 1;
  return term.into->degree() == 2 && term.weights->degree == 1 && term.weights->ring.get() == &ring &&
         term.weights_first <= term.weights->count && count <= term.weights->count - term.weights_first;
}

// Whether an earlier term has the same sum: room is made for one term a row.
bool repeats(const Term* terms, std::size_t t) {
  return std::any_of(terms, terms + t, [&](const Term& other) { return other.into == terms[t].into; });
}

}  // namespace

Fault accumulate(const Ring& ring, const SeededRows& rows, std::size_t first, std::size_t count, const Term* terms,
                 std::size_t term_count) {
  for (std::size_t t = 0; t < term_count; ++t)
    if (!fits(ring, rows, first, count, terms[t]) || repeats(terms, t)) return Fault::size;
  const Cipher* cipher = find_cipher();
  if (cipher == nullptr) return Fault::cipher;
  Expander expander(*cipher);
  if (!expander.key(rows.seed)) return Fault::cipher;

  // Terms of one ciphertext share its expansion.
  std::vector<const Term*> ordered;
  for (std::size_t t = 0; t < term_count; ++t) ordered.push_back(terms + t);
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Term* a, const Term* b) { return a->ciphertext < b->ciphertext; });

  for (std::size_t row = 0; row < count; row += piece_rows) {
    const std::size_t some = std::min(piece_rows, count - row);
    for (std::size_t t = 0; t < term_count; ++t) {
      if (terms[t].weights == nullptr) terms[t].into->make_room(some);
      else terms[t].into->make_product_room(some);
    }
    for (std::size_t from = 0, to; from < ordered.size(); from = to) {
      const std::size_t ciphertext = ordered[from]->ciphertext;
      for (to = from; to < ordered.size() && ordered[to]->ciphertext == ciphertext;) ++to;
      for (std::size_t p = 0; p < ring.primes.size(); ++p) {
        const Modulus& prime = ring.primes[p];
        const std::size_t offset = packed_offset(ring, p);
        if (!expander.start(rows, first + row, some, ciphertext, p)) return Fault::cipher;
        for (std::size_t at = 0; at < ring.n; at += piece_length) {
          const std::size_t length = std::min(piece_length, ring.n - at);
          const u8* packed[piece_rows];
          for (std::size_t r = 0; r < some; ++r)
            packed[r] = rows.c0(ring, first + row + r, ciphertext) + offset + at * prime.bits / 8;
          const Fault fault = expander.next(*ring.kernels, prime, packed, some, length);
          if (fault != Fault::none) return fault;
          for (std::size_t t = from; t < to; ++t) use(*ordered[t], expander, p, row, some, at, length);
        }
      }
    }
  }
  return Fault::none;
}

}  // namespace fhe
