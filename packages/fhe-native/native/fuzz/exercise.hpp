// Drives every entry point that takes bytes or counts from outside, with whatever an input says. The checks are the
// sanitizers' (buffers are of exact size) and that all levels of CPU agree.
#pragma once
#include "../core/modulus.hpp"

namespace fhe {

// Uses up to `size` bytes as choices and contents; aborts when levels disagree.
void exercise(const u8* data, std::size_t size);

}  // namespace fhe
