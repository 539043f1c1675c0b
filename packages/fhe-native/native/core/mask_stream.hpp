// The public mask of cos-block/2: AES-256-CTR under the block's seed. The cipher is OpenSSL's, handed in by its functions.
#pragma once
#include "kernels.hpp"

namespace fhe {

constexpr std::size_t seed_bytes = 32;

// What we use of OpenSSL's EVP interface; found at run time in the process (Node exports it) or in a library.
struct Cipher {
  void* (*context_new)();
  void (*context_free)(void*);
  const void* (*aes_256_ctr)();
  int (*encrypt_init)(void* context, const void* type, void* engine, const u8* key, const u8* iv);
  int (*encrypt_update)(void* context, u8* out, int* out_length, const u8* in, int in_length);
};

// Null when the process has no such functions.
const Cipher* find_cipher();

// One stream of mask residues at a time.
class MaskStream {
 public:
  explicit MaskStream(const Cipher& cipher);
  ~MaskStream();
  MaskStream(MaskStream&& other) noexcept : cipher_(other.cipher_), context_(other.context_) {
    other.context_ = nullptr;
  }
  MaskStream(const MaskStream&) = delete;
  MaskStream& operator=(const MaskStream&) = delete;

  // Takes the seed of a block. False when the cipher fails.
  bool key(const u8* seed);
  // Goes to the start of a polynomial's stream.
  bool start(u32 stream_index, u32 ciphertext, u32 prime);
  // The next `length` residues.
  bool next(const Kernels& kernels, const Modulus& modulus, u64* out, std::size_t length);

 private:
  const Cipher& cipher_;
  void* context_;
};

}  // namespace fhe
