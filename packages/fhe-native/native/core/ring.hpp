// Parameters of one profile, and ciphertexts in memory.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "mask_stream.hpp"
#include "memory.hpp"

namespace fhe {

// Why an input is refused. Nothing of a refused input is kept.
enum class Fault : int {
  none = 0,
  size = 1,     // a byte or word count that does not fit, or a range outside what there is
  residue = 2,  // a residue that is not below its prime
  cipher = 3,   // the cipher failed: no memory, or an OpenSSL without AES
};

struct Ring {
  std::size_t n = 0;
  std::vector<Modulus> primes;
  const Kernels* kernels = nullptr;
  // Words from one polynomial to the next. The padding keeps polynomials from falling on the same cache sets.
  std::size_t stride = 0;
  // Sums come and go; their memory stays.
  std::shared_ptr<WordPool> pool = std::make_shared<WordPool>();

  std::size_t residue_polynomials(unsigned degree) const { return (degree + 1) * primes.size(); }
  std::size_t packed_polynomial_bytes() const;
  std::size_t packed_bytes(unsigned degree) const { return (degree + 1) * packed_polynomial_bytes(); }
};

// n: a power of two, 64 to 65536; primes: odd, 20 to 60 bits. Levels whose kernels do not take a prime's size give way
// to the next lower one. Null when the parameters are none of these.
std::shared_ptr<const Ring> make_ring(const Kernels* kernels, std::size_t n, const u64* primes, std::size_t count);

// Whole ciphertexts one after the other, each degree + 1 polynomials of one residue polynomial for each prime.
struct Batch {
  std::shared_ptr<const Ring> ring;
  unsigned degree;
  std::size_t count;
  Words words;

  Batch(std::shared_ptr<const Ring> of, unsigned with_degree, std::size_t with_count);
  std::size_t ciphertext_words() const { return ring->residue_polynomials(degree) * ring->stride; }
  const u64* polynomial(std::size_t ciphertext, std::size_t k, std::size_t prime) const {
    return words.data() + ciphertext * ciphertext_words() + (k * ring->primes.size() + prime) * ring->stride;
  }
  u64* polynomial(std::size_t ciphertext, std::size_t k, std::size_t prime) {
    return const_cast<u64*>(std::as_const(*this).polynomial(ciphertext, k, prime));
  }
};

// Fresh ciphertexts as they lie in a block: first polynomials packed, second ones named by seed and stream index.
struct SeededRows {
  const u8* seed;  // seed_bytes
  const u32* stream_indexes;
  std::size_t rows;
  const u8* bytes;  // rows one after the other, `row_stride` bytes each
  std::size_t size;
  std::size_t row_stride;
  std::size_t payload_at;  // where a row's packed polynomials begin
  std::size_t ciphertexts_per_row;

  // Whether the counts fit each other, and `ciphertext` and the range lie inside.
  bool holds(const Ring& ring, std::size_t ciphertext, std::size_t first, std::size_t count) const;
  const u8* c0(const Ring& ring, std::size_t row, std::size_t ciphertext) const {
    return bytes + row * row_stride + payload_at + ciphertext * ring.packed_polynomial_bytes();
  }
};

// Ciphertext `ciphertext` of rows first .. first + count - 1.
Fault expand(std::shared_ptr<const Ring> ring, const SeededRows& rows, std::size_t ciphertext, std::size_t first,
             std::size_t count, std::optional<Batch>& out);

// Any whole number of packed ciphertexts.
Fault load(std::shared_ptr<const Ring> ring, const u8* packed, std::size_t bytes, unsigned degree,
           std::optional<Batch>& out);

}  // namespace fhe
