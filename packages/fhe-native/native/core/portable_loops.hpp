// Loops in plain C++ that more than one level uses. Each level's file compiles its own copy (internal linkage), so that
// no level runs code that the compiler made for another one's CPU.
#pragma once
#include <algorithm>
#include <cstring>

#include "kernels.hpp"

namespace fhe {
namespace {

[[maybe_unused]] inline u64 load_word(const u8* p) {
  u64 word;
  std::memcpy(&word, p, 8);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

// Residue `i` of a packed run; reads the 9 bytes from i * bits / 8.
[[maybe_unused]] inline u64 take_residue(const u8* in, std::size_t i, unsigned bits, u64 mask) {
  const std::size_t at = i * bits;
  const unsigned shift = at & 7;
  u64 value = load_word(in + (at >> 3)) >> shift;
  if (shift + bits > 64) value |= static_cast<u64>(in[(at >> 3) + 8]) << (64 - shift);
  return value & mask;
}

[[maybe_unused]] inline bool unpack_plain(const u8* in, u64* out, std::size_t length, unsigned bits, u64 q) {
  const u64 mask = (u64{1} << bits) - 1;
  const std::size_t bytes = length * bits / 8;
  // Residues whose 9 bytes lie inside the input; the last few are read from a padded copy.
  std::size_t inner = bytes < 9 ? 0 : ((bytes - 9) * 8) / bits + 1;
  if (inner > length) inner = length;
  inner &= ~std::size_t{7};  // so that the rest starts at a whole byte
  u64 bad = 0;
  for (std::size_t i = 0; i < inner; ++i) {
    out[i] = take_residue(in, i, bits, mask);
    bad |= out[i] >= q;
  }
  for (std::size_t i = inner; i < length; i += 8) {
    u8 tail[80] = {};
    std::memcpy(tail, in + i * bits / 8, bits);
    for (std::size_t j = 0; j < 8; ++j) {
      out[i + j] = take_residue(tail, j, bits, mask);
      bad |= out[i + j] >= q;
    }
  }
  return bad == 0;
}

[[maybe_unused]] inline void pack_plain(const u64* in, u8* out, std::size_t length, unsigned bits) {
  u64 held = 0;
  unsigned count = 0;  // bits in `held`
  for (std::size_t i = 0; i < length; ++i) {
    held |= in[i] << count;
    count += bits;
    if (count < 64) continue;
    u64 word = held;
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    std::memcpy(out, &word, 8);
    out += 8;
    count -= 64;
    held = count == 0 ? 0 : in[i] >> (bits - count);
  }
  for (; count > 0; count -= 8, held >>= 8) *out++ = static_cast<u8>(held);  // whole bytes: length is a multiple of 8
}

[[maybe_unused]] inline std::size_t accept_plain(u64* words, std::size_t length, unsigned bits, u64 q) {
  const u64 mask = (u64{1} << bits) - 1;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < length; ++i) {
    u64 word = words[i];
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    word &= mask;
    words[kept] = word;
    kept += word < q;
  }
  return kept;
}

[[maybe_unused]] inline void add_plain(u64* sum, const u64* const* rows, std::size_t count, std::size_t length) {
  for (std::size_t row = 0; row < count; ++row) {
    const u64* x = rows[row];
    for (std::size_t i = 0; i < length; ++i) sum[i] += x[i];
  }
}

[[maybe_unused]] inline void subtract_plain(u64* sum, const u64* const* rows, std::size_t count, std::size_t length,
                                            u64 q) {
  for (std::size_t row = 0; row < count; ++row) {
    const u64* x = rows[row];
    for (std::size_t i = 0; i < length; ++i) sum[i] += q - x[i];
  }
}

[[maybe_unused]] inline void add_scaled_plain(u64* sum, const u64* x, u64 weight, std::size_t length,
                                              const Modulus& modulus) {
  const u64 shoup = modulus.shoup64(weight);
  for (std::size_t i = 0; i < length; ++i) sum[i] += modulus.multiply_constant(x[i], weight, shoup);
}

[[maybe_unused]] inline void reduce_sum_plain(u64* sum, std::size_t length, const Modulus& modulus) {
  for (std::size_t i = 0; i < length; ++i) sum[i] = modulus.reduce(sum[i]);
}

[[maybe_unused]] inline void forward_plain(u64* x, std::size_t n, const Roots& roots, const Modulus& modulus) {
  const u64 q = modulus.q;
  for (std::size_t groups = 1, half = n / 2; half >= 1; groups *= 2, half /= 2)
    for (std::size_t g = 0; g < groups; ++g) {
      const u64 root = roots.values[groups + g], shoup = roots.shoup64[groups + g];
      u64 *a = x + 2 * g * half, *b = a + half;
      for (std::size_t i = 0; i < half; ++i) {
        // Minima, as branches on such values are guessed wrong half the time.
        const u64 u = a[i], x1 = b[i];
        const u64 r = x1 * root - static_cast<u64>((static_cast<u128>(x1) * shoup) >> 64) * q;
        const u64 v = std::min(r, r - q), sum = u + v, difference = u + q - v;
        a[i] = std::min(sum, sum - q);
        b[i] = std::min(difference, difference - q);
      }
    }
}

}  // namespace
}  // namespace fhe
