// Plain C++: 64 x 64 -> 128-bit products, summed up in two words.
#include "portable_loops.hpp"

namespace fhe {
namespace {

// A product of residues is below 2^(2 bits); two words hold 2^(128 - 2 bits) of them: 256 at 60 bits.
u64 max_products(unsigned bits) { return 2 * bits <= 96 ? u64{1} << 32 : u64{1} << (128 - 2 * bits); }

inline void accumulate(u64& low, u64& high, u128 product) {
  const u128 sum = ((static_cast<u128>(high) << 64) | low) + product;
  low = static_cast<u64>(sum);
  high = static_cast<u64>(sum >> 64);
}

void multiply(const ProductPiece& piece) {
  const std::size_t stride = piece.plane_stride;
  for (std::size_t i = 0; i < piece.length; ++i) {
    u64 low[3], high[3];
    for (int k = 0; k < 3; ++k) low[k] = piece.sums[k][i], high[k] = piece.sums[k][stride + i];
    for (std::size_t row = 0; row < piece.rows; ++row) {
      const u64 a0 = piece.c0[row][i], a1 = piece.c1[row][i];
      const u64 b0 = piece.d0[row][i], b1 = piece.d1[row][i];
      accumulate(low[0], high[0], static_cast<u128>(a0) * b0);
      accumulate(low[1], high[1], static_cast<u128>(a0) * b1);
      accumulate(low[1], high[1], static_cast<u128>(a1) * b0);
      accumulate(low[2], high[2], static_cast<u128>(a1) * b1);
    }
    for (int k = 0; k < 3; ++k) piece.sums[k][i] = low[k], piece.sums[k][stride + i] = high[k];
  }
}

void reduce_products(u64* planes, std::size_t stride, u64* sum, std::size_t length, const Modulus& modulus) {
  for (std::size_t i = 0; i < length; ++i) {
    sum[i] += modulus.reduce((static_cast<u128>(planes[stride + i]) << 64) | planes[i]);
    planes[i] = planes[stride + i] = 0;
  }
}

u64 read(const u64* const streams[4], std::size_t length) {
  u64 sums[4] = {};
  for (std::size_t i = 0; i < length; ++i)
    for (int k = 0; k < 4; ++k) sums[k] += streams[k][i];
  return sums[0] + sums[1] + sums[2] + sums[3];
}

constexpr Kernels kernels = {"portable",       60,         2,          max_products,     add_plain,
                             subtract_plain,   add_scaled_plain,       multiply,         reduce_sum_plain,
                             reduce_products,  unpack_plain,           accept_plain,     pack_plain,
                             forward_plain,    read};

}  // namespace

const Kernels* kernels_portable() { return &kernels; }

const Kernels* find_kernels(const char* name) {
  const Kernels* const levels[] = {kernels_avx512(), kernels_avx2(), kernels_portable()};
  for (const Kernels* level : levels)
    if (level != nullptr && std::strcmp(level->name, name) == 0) return level;
  return nullptr;
}

}  // namespace fhe
