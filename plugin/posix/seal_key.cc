#include "posix/seal_key.h"

#include <unistd.h>

#include <cstdlib>

#include "posix/small_file.h"

namespace mailpool::posix {
namespace {

constexpr std::size_t most_octets = 16384;

bool exists(std::string const& path) {
  return !path.empty() && ::access(path.c_str(), F_OK) == 0;
}

/// systemd's credential, or "".
std::string credential() {
  char const* const credentials = std::getenv("CREDENTIALS_DIRECTORY");
  if (credentials == nullptr) return {};
  auto path = std::string(credentials) + "/seal.key";
  return exists(path) ? path : std::string();
}

}  // namespace

Result<SealKeys> read_seal_keys(std::string const& key_file) {
  auto const passed = credential();
  auto const& path = passed.empty() ? key_file : passed;
  if (path.empty()) return failed("there is no key");
  // Whoever knows the key can claim any tenant. The milter and the manager may share it by a group.
  auto const text = passed.empty() ? read_secret_small_file(path, most_octets, Readers::GroupToo)
                                   : read_small_file(path, most_octets);
  if (!text) return failed(path + ": cannot be read: " + text.error().reason);
  auto keys = SealKeys::parse(*text);
  if (!keys) return failed(path + ": " + keys.error().reason);
  return keys;
}

bool has_seal_keys(std::string const& key_file) {
  return !credential().empty() || exists(key_file);
}

}  // namespace mailpool::posix
