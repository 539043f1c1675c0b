// Cache-line aligned words; large arrays ask the system for huge pages.
#pragma once
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <memory>
#include <utility>
#include <vector>

#include "modulus.hpp"
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace fhe {

class Words {
 public:
  Words() = default;
  explicit Words(std::size_t count) : count_(count) {
    if (count > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(u64)) throw std::bad_alloc();
    if (count == 0) return;
    constexpr std::size_t huge = std::size_t{1} << 21;
    const std::size_t bytes = count * sizeof(u64);
    const bool large = bytes >= 2 * huge;
    const std::size_t alignment = large ? huge : 64;
    data_ = static_cast<u64*>(std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment));
    if (data_ == nullptr) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (large) madvise(data_, bytes, MADV_HUGEPAGE);  // only advice: a refusal changes nothing but speed
#endif
  }
  Words(Words&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Words& operator=(Words&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;
  ~Words() { std::free(data_); }

  u64* data() { return data_; }
  const u64* data() const { return data_; }
  std::size_t size() const { return count_; }
  void clear() {
    if (count_ != 0) std::memset(data_, 0, count_ * sizeof(u64));
  }

 private:
  u64* data_ = nullptr;
  std::size_t count_ = 0;
};

// Keeps a few freed arrays for the next taker of the same size: the system takes tens of microseconds to give fresh
// memory, as long as a short sum. Not for several threads.
class WordPool {
 public:
  Words take(std::size_t count) {
    for (Words& words : spare_)
      if (words.size() == count) {
        std::swap(words, spare_.back());
        Words taken = std::move(spare_.back());
        spare_.pop_back();
        return taken;
      }
    return Words(count);
  }
  void give(Words words) {
    if (spare_.size() < most) spare_.push_back(std::move(words));
  }

 private:
  static constexpr std::size_t most = 8;
  std::vector<Words> spare_;
};

// Words that go back to their pool.
class PooledWords {
 public:
  PooledWords() = default;
  PooledWords(std::shared_ptr<WordPool> pool, std::size_t count) : pool_(std::move(pool)), words_(pool_->take(count)) {}
  PooledWords(PooledWords&&) noexcept = default;
  PooledWords& operator=(PooledWords&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(words_, other.words_);
    return *this;
  }
  ~PooledWords() {
    if (pool_ != nullptr && words_.size() != 0) pool_->give(std::move(words_));
  }
  u64* data() { return words_.data(); }
  std::size_t size() const { return words_.size(); }
  void clear() { words_.clear(); }

 private:
  std::shared_ptr<WordPool> pool_;
  Words words_;
};

}  // namespace fhe
