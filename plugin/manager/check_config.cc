#include "manager/check_config.h"

#include <sysexits.h>

#include <ostream>

#include "core/base/text.h"
#include "manager/check_places.h"
#include "manager/configuration_load.h"
#include "manager/imap_access.h"
#include "posix/replies_file.h"

namespace mailpool::manager {

int check_configuration(std::string const& path, std::ostream& out) {
  auto const loaded = load_configuration(path);
  for (auto const& mistake : loaded.mistakes) out << mistake.to_line() << '\n';
  if (!loaded.is_good()) return EX_CONFIG;
  auto const places = places_out_of_the_service(loaded.settings);
  for (auto const& place : places) out << printable(path) << ": " << place << '\n';
  if (!places.empty()) return EX_CONFIG;
  // They stop no mail, and so they are no reason to refuse the configuration.
  for (auto const& mistake : posix::load_reply_rules().mistakes)
    out << "warning: " << mistake.to_line() << '\n';
  for (auto const& warning : users_kept_out(loaded.settings))
    out << printable(path) << ": warning: " << printable(warning) << '\n';
  out << printable(path) << ": no mistakes\n";
  return EX_OK;
}

}  // namespace mailpool::manager
