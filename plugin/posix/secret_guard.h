#pragma once
// Whether a file is fit to hold a secret: nobody else can have written it, and nobody else can read
// it.

#include <sys/stat.h>

#include <cstdint>
#include <string>

namespace mailpool::posix {

/// Who may read it beside its owner: programs that share a secret under users of their own share a
/// group.
enum class Readers : std::uint8_t { OwnerAlone, GroupToo };

/// Why what stands in it must not be used, in words, or "": it belongs to root or to the user that
/// we run as, and its mode lets in no more than `readers`. For files that systemd passes as
/// credentials nobody asks: systemd guards them.
[[nodiscard]] std::string objection_to_secret_file(struct stat const& facts, Readers readers);

}  // namespace mailpool::posix
