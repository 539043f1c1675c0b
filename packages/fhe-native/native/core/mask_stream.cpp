#include "mask_stream.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <new>

namespace fhe {
namespace {

constexpr std::size_t piece_words = 2048;
alignas(64) constexpr u8 zeros[piece_words * 8] = {};

template <typename Function>
bool find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  return function != nullptr;
}

bool find_all(void* library, Cipher& cipher) {
  return find(library, "EVP_CIPHER_CTX_new", cipher.context_new) &&
         find(library, "EVP_CIPHER_CTX_free", cipher.context_free) &&
         find(library, "EVP_aes_256_ctr", cipher.aes_256_ctr) &&
         find(library, "EVP_EncryptInit_ex", cipher.encrypt_init) &&
         find(library, "EVP_EncryptUpdate", cipher.encrypt_update);
}

// Node's own OpenSSL, then (for the driver that runs the core alone) the system's.
const Cipher* load_cipher() {
  static Cipher cipher;
  if (find_all(RTLD_DEFAULT, cipher)) return &cipher;
  for (const char* name : {"libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.dylib"}) {
    void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr && find_all(library, cipher)) return &cipher;
  }
  return nullptr;
}

}  // namespace

const Cipher* find_cipher() {
  static const Cipher* const cipher = load_cipher();
  return cipher;
}

MaskStream::MaskStream(const Cipher& cipher) : cipher_(cipher), context_(cipher.context_new()) {
  if (context_ == nullptr) throw std::bad_alloc();
}

MaskStream::~MaskStream() {
  if (context_ != nullptr) cipher_.context_free(context_);
}

bool MaskStream::key(const u8* seed) {
  const u8 counter[16] = {};
  return cipher_.encrypt_init(context_, cipher_.aes_256_ctr(), nullptr, seed, counter) == 1;
}

bool MaskStream::start(u32 stream_index, u32 ciphertext, u32 prime) {
  u8 counter[16] = {};
  for (int i = 0; i < 4; ++i) counter[i] = static_cast<u8>(stream_index >> (24 - 8 * i));
  for (int i = 0; i < 2; ++i) {
    counter[4 + i] = static_cast<u8>(ciphertext >> (8 - 8 * i));
    counter[6 + i] = static_cast<u8>(prime >> (8 - 8 * i));
  }
  return cipher_.encrypt_init(context_, nullptr, nullptr, nullptr, counter) == 1;
}

bool MaskStream::next(const Kernels& kernels, const Modulus& modulus, u64* out, std::size_t length) {
  // Exactly as many candidates as residues are missing, until none is: no candidate is ever drawn and not looked at.
  for (std::size_t have = 0; have < length;) {
    const std::size_t wanted = std::min(length - have, piece_words);
    int written = 0;
    if (cipher_.encrypt_update(context_, reinterpret_cast<u8*>(out + have), &written, zeros,
                               static_cast<int>(wanted * 8)) != 1)
      return false;
    have += kernels.accept(out + have, wanted, modulus.bits, modulus.q);
  }
  return true;
}

}  // namespace fhe
