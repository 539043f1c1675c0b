// The inner loops, once for each level of CPU features. All work on one polynomial (or a piece of one) modulo one prime.
#pragma once
#include "modulus.hpp"

namespace fhe {

// Pieces of up to `rows` ciphertexts and the sums that their products go to. Pointers are to the piece's first word.
struct ProductPiece {
  // Sums of c0*d0, c0*d1 + c1*d0 and c1*d1, each in `planes` arrays `plane_stride` words apart.
  u64* sums[3];
  std::size_t plane_stride;
  const u64* const* c0;
  const u64* const* c1;
  const u64* const* d0;
  const u64* const* d1;
  std::size_t rows;
  // Coefficients, a multiple of 16.
  std::size_t length;
};

// Roots of a transform of n points, in the order in which its butterflies take them: butterflies of group g of a stage of
// `groups` take number groups + g.
struct Roots {
  const u64* values;
  const u64* shoup64;
  const u64* shoup52;  // for a prime below 2^52
};

struct Kernels {
  const char* name;
  // Largest prime in bits that the product kernel takes.
  unsigned max_bits;
  // Arrays of words per unreduced product sum.
  unsigned planes;
  // Products that one unreduced sum holds. The middle sum takes two for each row.
  u64 (*max_products)(unsigned bits);

  // sum[i] += rows[0][i] + ... ; unreduced. `subtract` adds q - x instead.
  void (*add)(u64* sum, const u64* const* rows, std::size_t count, std::size_t length);
  void (*subtract)(u64* sum, const u64* const* rows, std::size_t count, std::size_t length, u64 q);
  // sum[i] += (x[i] * weight mod q); weight < q.
  void (*add_scaled)(u64* sum, const u64* x, u64 weight, std::size_t length, const Modulus& modulus);
  void (*multiply)(const ProductPiece& piece);

  // sum[i] mod q, in place.
  void (*reduce_sum)(u64* sum, std::size_t length, const Modulus& modulus);
  // sum[i] += (products mod q); the planes are cleared.
  void (*reduce_products)(u64* planes, std::size_t plane_stride, u64* sum, std::size_t length, const Modulus& modulus);

  // Reads `length` (a multiple of 8) residues of `bits` bits from exactly length * bits / 8 bytes. False when one is not below q.
  bool (*unpack)(const u8* in, u64* out, std::size_t length, unsigned bits, u64 q);
  // Keeps, in order, the words whose low `bits` bits are below q, cut to those bits. Returns how many were kept.
  std::size_t (*accept)(u64* words, std::size_t length, unsigned bits, u64 q);

  // Writes residues of `bits` bits to exactly length * bits / 8 bytes; length is a multiple of 8.
  void (*pack)(const u64* in, u8* out, std::size_t length, unsigned bits);

  // The negacyclic transform of n residues (a power of two, 64 or more), in place; in and out canonical.
  void (*forward)(u64* x, std::size_t n, const Roots& roots, const Modulus& modulus);

  // Adds all words of four streams up, to measure what this machine can read; length is a multiple of 16.
  u64 (*read)(const u64* const streams[4], std::size_t length);
};

// Null where the build or the CPU lacks the level.
const Kernels* kernels_portable();
const Kernels* kernels_avx2();
const Kernels* kernels_avx512();

// The named level ("portable", "avx2", "avx512"), or null.
const Kernels* find_kernels(const char* name);

}  // namespace fhe
