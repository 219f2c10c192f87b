// A cache of small CPU blocks, because at one-element operators a third of the time went into aligned malloc and free.
#pragma once

namespace roc {

// Puts the cache in front of libtorch's CPU allocator; blocks over 4 KiB go straight to it. Once a process.
void installSmallBlockCache();

// Whether freed memory stays with the process, of the whole process. A training step frees all activations and asks for as
// much again: getting it back from the system, which clears every page, takes a tenth of a small model's step. Nothing
// happens where the C library is not glibc.
void keepFreedMemory(bool on);
bool keepsFreedMemory();

}  // namespace roc
