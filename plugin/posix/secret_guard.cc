#include "posix/secret_guard.h"

#include <fmt/format.h>
#include <unistd.h>

namespace mailpool::posix {

std::string objection_to_secret_file(struct stat const& facts, Readers readers) {
  if (facts.st_uid != 0 && facts.st_uid != ::geteuid())
    return "it belongs neither to root nor to the user that reads it";
  bool const is_for_group = readers == Readers::GroupToo;
  mode_t const forbidden = is_for_group ? 037U : 077U;
  if ((facts.st_mode & forbidden) == 0) return {};
  return fmt::format("its mode is {:04o}; others could read it: chmod {}", facts.st_mode & 07777U,
                     is_for_group ? "0640 or 0600" : "0600");
}

}  // namespace mailpool::posix
