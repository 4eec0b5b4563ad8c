#pragma once
// The configuration file as the manager needs it: settings, names looked up, and what was wrong.
// Reading it may block: never on the loop's path once mail flows.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/secret.h"
#include "core/config/settings.h"
#include "core/message/tenant_seal.h"
#include "core/replies/classifier.h"
#include "manager/users.h"

namespace mailpool::manager {

class TlsClient;

/// Of [imap.NAME]: who may connect, and the password of its account.
struct ImapAccess {
  std::set<uid_t> users;
  std::set<uid_t> account_users;
  Secret account_password;
};

struct Configuration {
  Settings settings;
  Users lmtp_users;
  Users read_users;
  Users write_users;
  Users milter_users;
  std::optional<SealKeys> seal_keys;  ///< of tenants
  Secret events_hash_key;
  std::map<std::string, ImapAccess> imap_access;  ///< by profile
  std::set<uid_t> imap_dynamic_users;
  std::vector<std::string> mistakes;  ///< FILE:LINE: what is wrong, and what would be right; if
                                      ///< any, the settings are of no use
  std::vector<std::string> warnings;
  std::vector<IpAddress> own_addresses;
  std::shared_ptr<TlsClient const> tls;  ///< null while there are mistakes
};

/// Reads the file; a hostname that is not set becomes the machine's fully qualified name.
[[nodiscard]] Configuration read_configuration(std::string const& path);
/// What servers' replies mean; never null. What is wrong with its files goes into `warnings`: mail
/// goes all the same.
[[nodiscard]] std::shared_ptr<replies::Classifier const> read_reply_classes(
    std::vector<std::string>& warnings);
[[nodiscard]] std::string machine_name();

}  // namespace mailpool::manager
