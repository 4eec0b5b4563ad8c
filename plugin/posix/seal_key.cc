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

std::string place_of_keys(std::string const& key_file) {
  char const* const credentials = std::getenv("CREDENTIALS_DIRECTORY");
  auto const credential =
      credentials != nullptr ? std::string(credentials) + "/seal.key" : std::string();
  return exists(credential) ? credential : key_file;
}

}  // namespace

Result<SealKeys> read_seal_keys(std::string const& key_file) {
  auto const path = place_of_keys(key_file);
  if (path.empty()) return failed("there is no key");
  auto const text = read_small_file(path, most_octets);
  if (!text) return failed(path + ": cannot be read: " + text.error().reason);
  auto keys = SealKeys::parse(*text);
  if (!keys) return failed(path + ": " + keys.error().reason);
  return keys;
}

bool has_seal_keys(std::string const& key_file) {
  return exists(place_of_keys(key_file));
}

}  // namespace mailpool::posix
