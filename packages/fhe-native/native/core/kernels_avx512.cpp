// AVX-512 with IFMA and VBMI: 52 x 52-bit products whose low and high 52 bits are summed up apart and reduced once.
#include "portable_loops.hpp"

#if defined(__AVX512IFMA__) && defined(__AVX512VBMI__) && defined(__AVX512VL__)
#include <immintrin.h>

namespace fhe {
namespace {

// Low halves are below 2^52, so a word holds 2^12 of them; high halves are smaller still.
u64 max_products(unsigned) { return u64{1} << 12; }

inline __m512i load(const u64* p) { return _mm512_loadu_si512(p); }
inline void store(u64* p, __m512i v) { _mm512_storeu_si512(p, v); }
inline __m512i add64(__m512i a, __m512i b) { return _mm512_add_epi64(a, b); }
inline __m512i low(__m512i sum, __m512i a, __m512i b) { return _mm512_madd52lo_epu64(sum, a, b); }
inline __m512i high(__m512i sum, __m512i a, __m512i b) { return _mm512_madd52hi_epu64(sum, a, b); }
inline __m512i words(u64 x) { return _mm512_set1_epi64(static_cast<long long>(x)); }
// x - y where that is not negative, else x.
inline __m512i less(__m512i x, __m512i y) { return _mm512_min_epu64(x, _mm512_sub_epi64(x, y)); }

template <std::size_t Rows>
void add_some(u64* sum, const u64* const* rows, std::size_t length) {
  for (std::size_t i = 0; i < length; i += 16) {
    __m512i a = load(sum + i), b = load(sum + i + 8);
    for (std::size_t row = 0; row < Rows; ++row) {
      a = add64(a, load(rows[row] + i));
      b = add64(b, load(rows[row] + i + 8));
    }
    store(sum + i, a);
    store(sum + i + 8, b);
  }
}

void add(u64* sum, const u64* const* rows, std::size_t count, std::size_t length) {
  for (; count >= 4; count -= 4, rows += 4) add_some<4>(sum, rows, length);
  for (; count > 0; --count, ++rows) add_some<1>(sum, rows, length);
}

void subtract(u64* sum, const u64* const* rows, std::size_t count, std::size_t length, u64 q) {
  for (std::size_t row = 0; row < count; ++row)
    for (std::size_t i = 0; i < length; i += 8)
      store(sum + i, add64(load(sum + i), _mm512_sub_epi64(words(q), load(rows[row] + i))));
}

// x * w mod q up to one q too large, for x < 2^52, w < q < 2^51 and shoup = floor(w * 2^52 / q).
inline __m512i multiply_lazy(__m512i x, __m512i w, __m512i shoup, __m512i q) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i r = _mm512_sub_epi64(low(zero, x, w), low(zero, high(zero, x, shoup), q));
  return _mm512_and_si512(r, words(mask52));
}

void add_scaled(u64* sum, const u64* x, u64 weight, std::size_t length, const Modulus& modulus) {
  const __m512i q = words(modulus.q), w = words(weight), shoup = words(modulus.shoup52(weight));
  for (std::size_t i = 0; i < length; i += 8)
    store(sum + i, add64(load(sum + i), less(multiply_lazy(load(x + i), w, shoup, q), q)));
}

// Two vectors of coefficients at a time; the two parts of the middle sum are kept apart, so that no chain of dependent
// additions is longer than the rows.
template <std::size_t Rows>
void multiply_some(const ProductPiece& piece, std::size_t first) {
  const std::size_t stride = piece.plane_stride;
  const u64 *const *c0 = piece.c0 + first, *const *c1 = piece.c1 + first;
  const u64 *const *d0 = piece.d0 + first, *const *d1 = piece.d1 + first;
  for (std::size_t i = 0; i < piece.length; i += 16) {
    __m512i sums[2][8];
    for (std::size_t v = 0; v < 2; ++v) {
      for (int k = 0; k < 3; ++k) {
        sums[v][2 * k] = load(piece.sums[k] + i + 8 * v);
        sums[v][2 * k + 1] = load(piece.sums[k] + stride + i + 8 * v);
      }
      sums[v][6] = sums[v][7] = _mm512_setzero_si512();
    }
    for (std::size_t row = 0; row < Rows; ++row)
      for (std::size_t v = 0; v < 2; ++v) {
        const std::size_t at = i + 8 * v;
        const __m512i x0 = load(c0[row] + at), x1 = load(c1[row] + at);
        const __m512i y0 = load(d0[row] + at), y1 = load(d1[row] + at);
        sums[v][0] = low(sums[v][0], x0, y0);
        sums[v][1] = high(sums[v][1], x0, y0);
        sums[v][2] = low(sums[v][2], x0, y1);
        sums[v][3] = high(sums[v][3], x0, y1);
        sums[v][6] = low(sums[v][6], x1, y0);
        sums[v][7] = high(sums[v][7], x1, y0);
        sums[v][4] = low(sums[v][4], x1, y1);
        sums[v][5] = high(sums[v][5], x1, y1);
      }
    for (std::size_t v = 0; v < 2; ++v) {
      sums[v][2] = add64(sums[v][2], sums[v][6]);
      sums[v][3] = add64(sums[v][3], sums[v][7]);
      for (int k = 0; k < 3; ++k) {
        store(piece.sums[k] + i + 8 * v, sums[v][2 * k]);
        store(piece.sums[k] + stride + i + 8 * v, sums[v][2 * k + 1]);
      }
    }
  }
}

void multiply(const ProductPiece& piece) {
  std::size_t row = 0;

  for (; row + 8 <= piece.rows; row += 8) multiply_some<8>(piece, row);
  for (; row + 4 <= piece.rows; row += 4) multiply_some<4>(piece, row);
  for (; row + 2 <= piece.rows; row += 2) multiply_some<2>(piece, row);
  for (; row < piece.rows; ++row) multiply_some<1>(piece, row);
}

void reduce_sum(u64* sum, std::size_t length, const Modulus& modulus) {
  const __m512i q = words(modulus.q), one = words(1), one_shoup = words(modulus.one_shoup);
  const __m512i two52 = words(modulus.two52), two52_shoup = words(modulus.two52_shoup);
  for (std::size_t i = 0; i < length; i += 8) {
    const __m512i x = load(sum + i);
    const __m512i bottom = multiply_lazy(_mm512_and_si512(x, words(mask52)), one, one_shoup, q);
    const __m512i top = multiply_lazy(_mm512_srli_epi64(x, 52), two52, two52_shoup, q);
    const __m512i r = add64(bottom, top);  // below 4q
    store(sum + i, less(less(r, add64(q, q)), q));
  }
}

void reduce_products(u64* planes, std::size_t stride, u64* sum, std::size_t length, const Modulus& modulus) {
  const __m512i q = words(modulus.q), q2 = add64(q, q), q4 = add64(q2, q2), mask = words(mask52);
  const __m512i one = words(1), one_shoup = words(modulus.one_shoup);
  const __m512i two52 = words(modulus.two52), two52_shoup = words(modulus.two52_shoup);
  const __m512i two104 = words(modulus.two104), two104_shoup = words(modulus.two104_shoup);
  for (std::size_t i = 0; i < length; i += 8) {
    const __m512i lows = load(planes + i);
    // High sums are below 2^12 * 2^50 and take less than 2^12 more from the low ones: no overflow.
    const __m512i highs = add64(load(planes + stride + i), _mm512_srli_epi64(lows, 52));
    const __m512i bottom = multiply_lazy(_mm512_and_si512(lows, mask), one, one_shoup, q);
    const __m512i middle = multiply_lazy(_mm512_and_si512(highs, mask), two52, two52_shoup, q);
    const __m512i top = multiply_lazy(_mm512_srli_epi64(highs, 52), two104, two104_shoup, q);
    const __m512i r = add64(add64(bottom, middle), top);  // below 6q
    store(sum + i, add64(load(sum + i), less(less(less(r, q4), q2), q)));
    store(planes + i, _mm512_setzero_si512());
    store(planes + stride + i, _mm512_setzero_si512());
  }
}

// Eight residues fill exactly `bits` bytes: one load, one byte permutation, one shift.
bool unpack(const u8* in, u64* out, std::size_t length, unsigned bits, u64 q) {
  if (bits > 57) return unpack_plain(in, out, length, bits, q);
  alignas(64) u8 pick[64];
  alignas(64) u64 shift[8];
  for (unsigned i = 0; i < 8; ++i) {
    shift[i] = (i * bits) & 7;
    for (unsigned b = 0; b < 8; ++b) pick[8 * i + b] = static_cast<u8>((i * bits / 8 + b) & 63);
  }
  const __m512i picks = load(reinterpret_cast<const u64*>(pick)), shifts = load(shift);
  const __m512i mask = words((u64{1} << bits) - 1), limit = words(q);
  const __mmask64 own = (u64{1} << bits) - 1;
  __mmask8 bad = 0;
  std::size_t i = 0;
  const auto put = [&](__m512i bytes) {
    const __m512i value = _mm512_and_si512(_mm512_srlv_epi64(_mm512_permutexvar_epi8(picks, bytes), shifts), mask);
    bad |= _mm512_cmpge_epu64_mask(value, limit);
    store(out + i, value);
  };
  // Whole loads while 64 bytes are left, masked ones for the end.
  std::size_t left = length * bits / 8;
  for (; left >= 64; i += 8, in += bits, left -= bits) put(_mm512_loadu_si512(in));
  for (; i < length; i += 8, in += bits) put(_mm512_maskz_loadu_epi8(own, in));
  return bad == 0;
}

std::size_t accept(u64* candidates, std::size_t length, unsigned bits, u64 q) {
  const __m512i mask = words((u64{1} << bits) - 1), limit = words(q);
  std::size_t kept = 0, i = 0;
  for (; i + 8 <= length; i += 8) {
    const __m512i value = _mm512_and_si512(load(candidates + i), mask);
    const __mmask8 good = _mm512_cmplt_epu64_mask(value, limit);
    store(candidates + kept, _mm512_maskz_compress_epi64(good, value));  // never past what was read
    kept += static_cast<std::size_t>(__builtin_popcount(good));
  }
  for (; i < length; ++i) {
    const u64 value = candidates[i] & ((u64{1} << bits) - 1);
    candidates[kept] = value;
    kept += value < q;
  }
  return kept;
}

// Each output byte takes from one residue, or from two neighbours: two byte permutations of the shifted residues.
void pack(const u64* in, u8* out, std::size_t length, unsigned bits) {
  if (bits > 57) return pack_plain(in, out, length, bits);
  alignas(64) u8 pick[2][64] = {};
  alignas(64) u64 shift[8];
  __mmask64 has[2] = {};
  for (unsigned i = 0; i < 8; ++i) {
    shift[i] = (i * bits) & 7;
    const unsigned first = i * bits / 8, last = ((i + 1) * bits - 1) / 8;
    for (unsigned byte = first; byte <= last; ++byte) {
      const unsigned slot = (has[0] >> byte) & 1;
      pick[slot][byte] = static_cast<u8>(8 * i + byte - first);
      has[slot] |= __mmask64{1} << byte;
    }
  }
  const __m512i shifts = load(shift);
  const __m512i picks[2] = {load(reinterpret_cast<const u64*>(pick[0])), load(reinterpret_cast<const u64*>(pick[1]))};
  const __mmask64 own = (u64{1} << bits) - 1;
  for (std::size_t i = 0; i < length; i += 8, out += bits) {
    const __m512i shifted = _mm512_sllv_epi64(load(in + i), shifts);
    _mm512_mask_storeu_epi8(out, own,
                            _mm512_or_si512(_mm512_maskz_permutexvar_epi8(has[0], picks[0], shifted),
                                            _mm512_maskz_permutexvar_epi8(has[1], picks[1], shifted)));
  }
}

// One stage's butterfly on canonical residues: (a, b) becomes (a + b w, a - b w).
inline void butterfly(__m512i& a, __m512i& b, __m512i root, __m512i shoup, __m512i q) {
  const __m512i v = less(multiply_lazy(b, root, shoup, q), q);
  b = less(_mm512_sub_epi64(add64(a, q), v), q);
  a = less(add64(a, v), q);
}

// The last stages, whose halves are shorter than a vector: of 16 words those of the first halves go to one vector, those of
// the second halves to the other, and back.
template <std::size_t Half>
void forward_short(u64* x, std::size_t n, const Roots& roots, __m512i q) {
  constexpr std::size_t each = 8 / Half;  // groups in 16 words
  alignas(64) u64 pick[2][8], back[2][8], root_of[8];
  for (std::size_t lane = 0; lane < 8; ++lane) {
    const std::size_t at = lane / Half * 2 * Half + lane % Half;
    pick[0][lane] = at;
    pick[1][lane] = at + Half;
    root_of[lane] = lane / Half;
  }
  for (std::size_t at = 0; at < 16; ++at) {
    const std::size_t group = at / (2 * Half), within = at % (2 * Half);
    back[at / 8][at % 8] = group * Half + within % Half + (within < Half ? 0 : 8);
  }
  const __m512i first = load(pick[0]), second = load(pick[1]), low8 = load(back[0]), high8 = load(back[1]);
  const __m512i spread = load(root_of);
  const __mmask8 own = static_cast<__mmask8>((1u << each) - 1);
  const std::size_t groups = n / (2 * Half);
  for (std::size_t i = 0, g = groups; i < n; i += 16, g += each) {
    const __m512i x0 = load(x + i), x1 = load(x + i + 8);
    __m512i a = _mm512_permutex2var_epi64(x0, first, x1), b = _mm512_permutex2var_epi64(x0, second, x1);
    butterfly(a, b, _mm512_permutexvar_epi64(spread, _mm512_maskz_loadu_epi64(own, roots.values + g)),
              _mm512_permutexvar_epi64(spread, _mm512_maskz_loadu_epi64(own, roots.shoup52 + g)), q);
    store(x + i, _mm512_permutex2var_epi64(a, low8, b));
    store(x + i + 8, _mm512_permutex2var_epi64(a, high8, b));
  }
}

void forward(u64* x, std::size_t n, const Roots& roots, const Modulus& modulus) {
  const __m512i q = words(modulus.q);
  for (std::size_t groups = 1, half = n / 2; half >= 8; groups *= 2, half /= 2)
    for (std::size_t g = 0; g < groups; ++g) {
      const __m512i root = words(roots.values[groups + g]), shoup = words(roots.shoup52[groups + g]);
      u64* const at = x + 2 * g * half;
      for (std::size_t i = 0; i < half; i += 8) {
        __m512i a = load(at + i), b = load(at + half + i);
        butterfly(a, b, root, shoup, q);
        store(at + i, a);
        store(at + half + i, b);
      }
    }
  forward_short<4>(x, n, roots, q);
  forward_short<2>(x, n, roots, q);
  forward_short<1>(x, n, roots, q);
}

u64 read(const u64* const streams[4], std::size_t length) {
  __m512i sums[8] = {};
  for (std::size_t i = 0; i < length; i += 16)
    for (int k = 0; k < 4; ++k) {
      sums[k] = add64(sums[k], load(streams[k] + i));
      sums[k + 4] = add64(sums[k + 4], load(streams[k] + i + 8));
    }
  for (int k = 1; k < 8; ++k) sums[0] = add64(sums[0], sums[k]);
  alignas(64) u64 lanes[8];
  store(lanes, sums[0]);
  u64 sum = 0;
  for (u64 lane : lanes) sum += lane;
  return sum;
}

constexpr Kernels kernels = {"avx512",        51,     2,      max_products, add,
                             subtract,        add_scaled,     multiply,     reduce_sum,
                             reduce_products, unpack, accept, pack,
                             forward,         read};

}  // namespace

const Kernels* kernels_avx512() {
  const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                   __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi");
  return has ? &kernels : nullptr;
}

}  // namespace fhe
#else
namespace fhe {
const Kernels* kernels_avx512() { return nullptr; }
}  // namespace fhe
#endif
