// One prime and what reducing by it needs. Pure arithmetic, no allocation.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>

namespace fhe {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using u128 = unsigned __int128;

// Files of different CPU levels share these functions: were they not inlined everywhere, the linker would keep one copy,
// perhaps one with instructions that this CPU lacks.
#define FHE_INLINE inline __attribute__((always_inline))

constexpr u64 mask52 = (u64{1} << 52) - 1;

struct Modulus {
  u64 q = 0;
  unsigned bits = 0;
  u64 ratio64 = 0;        // floor(2^64 / q)
  u64 ratio128_low = 0;   // floor(2^128 / q), low and high word
  u64 ratio128_high = 0;
  // For the IFMA kernels (q < 2^51): w and floor(w * 2^52 / q) for w = 1, 2^52, 2^104 modulo q.
  u64 one_shoup = 0;
  u64 two52 = 0, two52_shoup = 0;
  u64 two104 = 0, two104_shoup = 0;

  Modulus() = default;

  // q: odd, 2 < q < 2^60.
  explicit Modulus(u64 modulus) : q(modulus), bits(static_cast<unsigned>(std::bit_width(modulus))) {
    ratio64 = ~u64{0} / q;  // q is odd, so it does not divide 2^64
    const u128 ratio = ~u128{0} / q;
    ratio128_low = static_cast<u64>(ratio);
    ratio128_high = static_cast<u64>(ratio >> 64);
    two52 = static_cast<u64>((u128{1} << 52) % q);
    two104 = static_cast<u64>((u128{1} << 104) % q);
    one_shoup = shoup52(1);
    two52_shoup = shoup52(two52);
    two104_shoup = shoup52(two104);
  }

  FHE_INLINE u64 shoup52(u64 w) const { return static_cast<u64>((static_cast<u128>(w) << 52) / q); }
  FHE_INLINE u64 shoup64(u64 w) const { return static_cast<u64>((static_cast<u128>(w) << 64) / q); }

  FHE_INLINE u64 reduce(u64 x) const {
    const u64 quotient = static_cast<u64>((static_cast<u128>(x) * ratio64) >> 64);
    const u64 r = x - quotient * q;
    return r >= q ? r - q : r;
  }

  // Barrett reduction of two words; the quotient is at most one too small. As SEAL's barrett_reduce_128.
  FHE_INLINE u64 reduce(u128 x) const {
    const u64 low = static_cast<u64>(x), high = static_cast<u64>(x >> 64);
    const u64 carry = static_cast<u64>((static_cast<u128>(low) * ratio128_low) >> 64);
    const u128 low_high = static_cast<u128>(low) * ratio128_high;
    const u128 middle = static_cast<u128>(static_cast<u64>(low_high)) + carry;
    const u128 high_low = static_cast<u128>(high) * ratio128_low;
    const u128 sum = static_cast<u128>(static_cast<u64>(middle)) + static_cast<u64>(high_low);
    const u64 quotient = high * ratio128_high + static_cast<u64>(low_high >> 64) + static_cast<u64>(middle >> 64) +
                         static_cast<u64>(high_low >> 64) + static_cast<u64>(sum >> 64);
    const u64 r = low - quotient * q;
    return r >= q ? r - q : r;
  }

  FHE_INLINE u64 multiply(u64 a, u64 b) const { return reduce(static_cast<u128>(a) * b); }

  // a * w for a constant w < q with its shoup64; a is any word.
  FHE_INLINE u64 multiply_constant(u64 a, u64 w, u64 w_shoup) const {
    const u64 quotient = static_cast<u64>((static_cast<u128>(a) * w_shoup) >> 64);
    const u64 r = a * w - quotient * q;
    return r >= q ? r - q : r;
  }

  u64 power(u64 base, u64 exponent) const {
    u64 result = 1;
    for (u64 b = reduce(base); exponent != 0; exponent >>= 1, b = multiply(b, b))
      if (exponent & 1) result = multiply(result, b);
    return result;
  }

  u64 inverse(u64 a) const { return power(a, q - 2); }  // q is prime
};

}  // namespace fhe
