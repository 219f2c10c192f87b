// A cache of small CPU blocks, because at one-element operators a third of the time went into aligned malloc and free.
#pragma once

namespace roc {

// Puts the cache in front of libtorch's CPU allocator; blocks over 4 KiB go straight to it. Once a process.
void installSmallBlockCache();

}  // namespace roc
