// AVX2 has 32 x 32 -> 64-bit products only: residues are split into 26-bit halves and summed up in three words.
#include "portable_loops.hpp"

#if defined(__AVX2__)
#include <immintrin.h>

namespace fhe {
namespace {

// A residue below 2^52 has halves below 2^26, so a product of halves is below 2^52 and a word holds 2^12 of them. The
// word between takes two for each product.
u64 max_products(unsigned) { return u64{1} << 11; }

inline __m256i load(const u64* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline void store(u64* p, __m256i v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
inline __m256i add64(__m256i a, __m256i b) { return _mm256_add_epi64(a, b); }
inline __m256i mul32(__m256i a, __m256i b) { return _mm256_mul_epu32(a, b); }

void add(u64* sum, const u64* const* rows, std::size_t count, std::size_t length) {
  std::size_t row = 0;
  for (; row + 4 <= count; row += 4) {
    const u64 *a = rows[row], *b = rows[row + 1], *c = rows[row + 2], *d = rows[row + 3];
    for (std::size_t i = 0; i < length; i += 8) {
      for (std::size_t j = i; j < i + 8; j += 4)
        store(sum + j, add64(load(sum + j), add64(add64(load(a + j), load(b + j)), add64(load(c + j), load(d + j)))));
    }
  }
  add_plain(sum, rows + row, count - row, length);
}

void multiply(const ProductPiece& piece) {
  const std::size_t stride = piece.plane_stride;
  const __m256i low26 = _mm256_set1_epi64x((1 << 26) - 1);
  for (std::size_t i = 0; i < piece.length; i += 4) {
    __m256i sums[3][3];
    for (int k = 0; k < 3; ++k)
      for (int plane = 0; plane < 3; ++plane) sums[k][plane] = load(piece.sums[k] + plane * stride + i);
    for (std::size_t row = 0; row < piece.rows; ++row) {
      const __m256i c0 = load(piece.c0[row] + i), c1 = load(piece.c1[row] + i);
      const __m256i d0 = load(piece.d0[row] + i), d1 = load(piece.d1[row] + i);
      const __m256i c0l = _mm256_and_si256(c0, low26), c0h = _mm256_srli_epi64(c0, 26);
      const __m256i c1l = _mm256_and_si256(c1, low26), c1h = _mm256_srli_epi64(c1, 26);
      const __m256i d0l = _mm256_and_si256(d0, low26), d0h = _mm256_srli_epi64(d0, 26);
      const __m256i d1l = _mm256_and_si256(d1, low26), d1h = _mm256_srli_epi64(d1, 26);
      sums[0][0] = add64(sums[0][0], mul32(c0l, d0l));
      sums[0][1] = add64(sums[0][1], add64(mul32(c0l, d0h), mul32(c0h, d0l)));
      sums[0][2] = add64(sums[0][2], mul32(c0h, d0h));
      sums[1][0] = add64(sums[1][0], add64(mul32(c0l, d1l), mul32(c1l, d0l)));
      sums[1][1] = add64(sums[1][1], add64(add64(mul32(c0l, d1h), mul32(c0h, d1l)),
                                           add64(mul32(c1l, d0h), mul32(c1h, d0l))));
      sums[1][2] = add64(sums[1][2], add64(mul32(c0h, d1h), mul32(c1h, d0h)));
      sums[2][0] = add64(sums[2][0], mul32(c1l, d1l));
      sums[2][1] = add64(sums[2][1], add64(mul32(c1l, d1h), mul32(c1h, d1l)));
      sums[2][2] = add64(sums[2][2], mul32(c1h, d1h));
    }
    for (int k = 0; k < 3; ++k)
      for (int plane = 0; plane < 3; ++plane) store(piece.sums[k] + plane * stride + i, sums[k][plane]);
  }
}

void reduce_products(u64* planes, std::size_t stride, u64* sum, std::size_t length, const Modulus& modulus) {
  for (std::size_t i = 0; i < length; ++i) {
    sum[i] += modulus.reduce(planes[i] + (static_cast<u128>(planes[stride + i]) << 26) +
                             (static_cast<u128>(planes[2 * stride + i]) << 52));
    planes[i] = planes[stride + i] = planes[2 * stride + i] = 0;
  }
}

// Two residues of up to 57 bits from each 16 loaded bytes.
bool unpack(const u8* in, u64* out, std::size_t length, unsigned bits, u64 q) {
  if (bits > 56) return unpack_plain(in, out, length, bits, q);
  alignas(32) u8 pick[2][32];
  alignas(32) u64 shift[2][4];
  std::size_t from[2][2];  // of each pair of residues in a group of 8 bits * 8: bytes from which 16 are loaded
  for (unsigned half = 0; half < 2; ++half)
    for (unsigned lane = 0; lane < 2; ++lane) {
      const unsigned first = 4 * half + 2 * lane;
      from[half][lane] = first * bits / 8;
      for (unsigned j = 0; j < 2; ++j) {
        const unsigned at = (first + j) * bits;
        shift[half][2 * lane + j] = at & 7;
        for (unsigned b = 0; b < 8; ++b) {
          const std::size_t byte = at / 8 - from[half][lane] + b;
          pick[half][16 * lane + 8 * j + b] = static_cast<u8>(byte < 16 ? byte : 0x80);
        }
      }
    }
  const __m256i mask = _mm256_set1_epi64x(static_cast<long long>((u64{1} << bits) - 1));
  const __m256i last = _mm256_set1_epi64x(static_cast<long long>(q - 1));
  const std::size_t bytes = length * bits / 8;
  __m256i bad = _mm256_setzero_si256();
  std::size_t i = 0, at = 0;
  for (; i < length && at + from[1][1] + 16 <= bytes; i += 8, at += bits)
    for (unsigned half = 0; half < 2; ++half) {
      const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + at + from[half][0]));
      const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + at + from[half][1]));
      const __m256i picked = _mm256_shuffle_epi8(_mm256_set_m128i(b, a),
                                                 _mm256_load_si256(reinterpret_cast<const __m256i*>(pick[half])));
      const __m256i value = _mm256_and_si256(
          _mm256_srlv_epi64(picked, _mm256_load_si256(reinterpret_cast<const __m256i*>(shift[half]))), mask);
      bad = _mm256_or_si256(bad, _mm256_cmpgt_epi64(value, last));
      store(out + i + 4 * half, value);
    }
  return unpack_plain(in + at, out + i, length - i, bits, q) && _mm256_testz_si256(bad, bad);
}

std::size_t accept(u64* words, std::size_t length, unsigned bits, u64 q) {
  const __m256i mask = _mm256_set1_epi64x(static_cast<long long>((u64{1} << bits) - 1));
  const __m256i last = _mm256_set1_epi64x(static_cast<long long>(q - 1));
  std::size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    const __m256i a = _mm256_and_si256(load(words + i), mask), b = _mm256_and_si256(load(words + i + 4), mask);
    const __m256i over = _mm256_or_si256(_mm256_cmpgt_epi64(a, last), _mm256_cmpgt_epi64(b, last));
    if (!_mm256_testz_si256(over, over)) break;
    store(words + i, a);
    store(words + i + 4, b);
  }
  if (i == length) return length;
  // Rare for a prime just below a power of two: the rest goes word by word, moved down onto what was kept.
  return i + accept_plain(words + i, length - i, bits, q);
}

u64 read(const u64* const streams[4], std::size_t length) {
  __m256i sums[4] = {};
  for (std::size_t i = 0; i < length; i += 8)
    for (int k = 0; k < 4; ++k) sums[k] = add64(sums[k], add64(load(streams[k] + i), load(streams[k] + i + 4)));
  alignas(32) u64 lanes[4];
  store(lanes, add64(add64(sums[0], sums[1]), add64(sums[2], sums[3])));
  return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

constexpr Kernels kernels = {"avx2",          52,     3,           max_products,     add,
                             subtract_plain,  add_scaled_plain,    multiply,         reduce_sum_plain,
                             reduce_products, unpack, accept,      pack_plain,
                             forward_plain,   read};

}  // namespace

const Kernels* kernels_avx2() { return __builtin_cpu_supports("avx2") ? &kernels : nullptr; }

}  // namespace fhe
#else
namespace fhe {
const Kernels* kernels_avx2() { return nullptr; }
}  // namespace fhe
#endif
