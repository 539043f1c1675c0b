#include "ring.hpp"

namespace fhe {

std::size_t Ring::packed_polynomial_bytes() const {
  std::size_t bytes = 0;
  for (const Modulus& prime : primes) bytes += n * prime.bits / 8;
  return bytes;
}

std::shared_ptr<const Ring> make_ring(const Kernels* kernels, std::size_t n, const u64* primes, std::size_t count) {
  if (kernels == nullptr || n < 64 || n > 65536 || !std::has_single_bit(n) || count == 0 || count > 64) return nullptr;
  auto ring = std::make_shared<Ring>();
  unsigned bits = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned width = static_cast<unsigned>(std::bit_width(primes[i]));
    if (width < 20 || width > 60 || primes[i] % 2 == 0) return nullptr;
    bits = width > bits ? width : bits;
    ring->primes.emplace_back(primes[i]);
  }
  if (bits > kernels->max_bits && kernels_avx2() != nullptr) kernels = kernels_avx2();
  if (bits > kernels->max_bits) kernels = kernels_portable();
  ring->n = n;
  ring->kernels = kernels;
  ring->stride = n + 16;
  return ring;
}

Batch::Batch(std::shared_ptr<const Ring> of, unsigned with_degree, std::size_t with_count)
    : ring(std::move(of)), degree(with_degree), count(with_count) {
  if (count > (std::size_t{1} << 40) / ciphertext_words()) throw std::bad_alloc();
  words = Words(count * ciphertext_words());
}

bool SeededRows::holds(const Ring& ring, std::size_t ciphertext, std::size_t first, std::size_t count) const {
  // Bounds first, so that no product below can wrap.
  if (rows > (std::size_t{1} << 32) || row_stride > (std::size_t{1} << 30)) return false;
  if (ciphertexts_per_row == 0 || ciphertexts_per_row > 65536 || payload_at > row_stride) return false;
  return size == rows * row_stride &&
         ciphertexts_per_row * ring.packed_polynomial_bytes() <= row_stride - payload_at &&
         ciphertext < ciphertexts_per_row && first <= rows && count <= rows - first;
}

Fault expand(std::shared_ptr<const Ring> ring, const SeededRows& rows, std::size_t ciphertext, std::size_t first,
             std::size_t count, std::optional<Batch>& out) {
  if (!rows.holds(*ring, ciphertext, first, count)) return Fault::size;
  const Cipher* cipher = find_cipher();
  if (cipher == nullptr) return Fault::cipher;
  MaskStream stream(*cipher);
  if (!stream.key(rows.seed)) return Fault::cipher;
  Batch batch(ring, 1, count);
  for (std::size_t i = 0; i < count; ++i) {
    const u8* packed = rows.c0(*ring, first + i, ciphertext);
    for (std::size_t p = 0; p < ring->primes.size(); ++p) {
      const Modulus& prime = ring->primes[p];
      if (!ring->kernels->unpack(packed, batch.polynomial(i, 0, p), ring->n, prime.bits, prime.q)) return Fault::residue;
      packed += ring->n * prime.bits / 8;
      if (!stream.start(rows.stream_indexes[first + i], static_cast<u32>(ciphertext), static_cast<u32>(p)) ||
          !stream.next(*ring->kernels, prime, batch.polynomial(i, 1, p), ring->n))
        return Fault::cipher;
    }
  }
  out.emplace(std::move(batch));
  return Fault::none;
}

Fault load(std::shared_ptr<const Ring> ring, const u8* packed, std::size_t bytes, unsigned degree,
           std::optional<Batch>& out) {
  const std::size_t each = ring->packed_bytes(degree);
  if (degree < 1 || degree > 2 || bytes % each != 0) return Fault::size;
  Batch batch(ring, degree, bytes / each);
  for (std::size_t i = 0; i < batch.count; ++i)
    for (std::size_t k = 0; k <= degree; ++k)
      for (std::size_t p = 0; p < ring->primes.size(); ++p) {
        const Modulus& prime = ring->primes[p];
        if (!ring->kernels->unpack(packed, batch.polynomial(i, k, p), ring->n, prime.bits, prime.q))
          return Fault::residue;
        packed += ring->n * prime.bits / 8;
      }
  out.emplace(std::move(batch));
  return Fault::none;
}

}  // namespace fhe
