#include "manager/configuration.h"

#include <fmt/format.h>
#include <netdb.h>
#include <unistd.h>

#include <cstring>
#include <memory>

#include "manager/configuration_load.h"
#include "manager/imap_access.h"
#include "manager/own_addresses.h"
#include "manager/secret_file.h"
#include "manager/source_checks.h"
#include "manager/tls_client.h"
#include "posix/replies_file.h"
#include "posix/seal_key.h"

namespace mailpool::manager {
namespace {

void read_seal_keys(Configuration& c) {
  auto const& file = c.settings.milter.key_file;
  if (!posix::has_seal_keys(file)) return;
  if (auto keys = posix::read_seal_keys(file))
    c.seal_keys = std::move(*keys);
  else
    c.warnings.push_back(
        fmt::format("{}: no tenant's seal is believed ([milter] key_file)", keys.error().reason));
}

// Without the key, addresses that nobody was to read would be hashed for everybody to try.
void read_events_key(Configuration& c) {
  auto const& events = c.settings.events;
  if (events.addresses != EventAddresses::Hash) return;
  auto key = read_secret_file(events.hash_key_file);
  if (key && !key->is_empty())
    c.events_hash_key = std::move(*key);
  else
    c.mistakes.push_back(
        fmt::format("[events] hash_key_file: {}; right would be a file of mailpoold's user alone "
                    "with the key in its first line",
                    key ? events.hash_key_file + " is empty" : key.error().reason));
}

}  // namespace

std::string machine_name() {
  char name[256] = "";
  if (gethostname(name, sizeof name - 1) != 0) return "localhost.localdomain";
  if (std::strchr(name, '.') != nullptr) return name;
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(name, nullptr, &hints, &found) != 0) return name;
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> const guard(found, freeaddrinfo);
  return found->ai_canonname != nullptr && std::strchr(found->ai_canonname, '.') != nullptr
             ? found->ai_canonname
             : name;
}

Configuration read_configuration(std::string const& path) {
  Configuration c;
  auto loaded = load_configuration(path);
  for (auto const& mistake : loaded.mistakes) c.mistakes.push_back(mistake.to_line());
  c.settings = std::move(loaded.settings);
  if (!c.mistakes.empty()) return c;
  if (c.settings.hostname.empty()) c.settings.hostname = machine_name();
  c.lmtp_users = look_up_users(c.settings.lmtp.allow_users, "[lmtp] allow_users");
  c.read_users = look_up_users(c.settings.control.read_users, "[control] read_users");
  c.write_users = look_up_users(c.settings.control.write_users, "[control] write_users");
  c.milter_users = look_up_users(c.settings.milter.allow_users, "[milter] allow_users");
  // The milter's user exists where its package is installed: elsewhere that is no warning.
  if (c.settings.milter.allow_users == MilterSettings{}.allow_users)
    c.milter_users.warnings.clear();
  for (auto const* users : {&c.lmtp_users, &c.read_users, &c.write_users, &c.milter_users})
    c.warnings.insert(c.warnings.end(), users->warnings.begin(), users->warnings.end());
  read_seal_keys(c);
  read_events_key(c);
  read_imap_access(c);
  c.own_addresses = own_addresses();
  check_sources(c);
  c.tls = TlsClient::make(c.settings, c.mistakes, c.warnings);
  return c;
}

std::shared_ptr<replies::Classifier const> read_reply_classes(std::vector<std::string>& warnings) {
  auto read = posix::load_reply_rules();
  for (auto const& mistake : read.mistakes) warnings.push_back(mistake.to_line());
  return std::make_shared<replies::Classifier const>(std::move(read.rules));
}

}  // namespace mailpool::manager
