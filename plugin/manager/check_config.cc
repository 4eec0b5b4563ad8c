#include "manager/check_config.h"

#include <sysexits.h>

#include <ostream>

#include "core/base/text.h"
#include "core/config/load.h"
#include "manager/configuration_file.h"

namespace mailpool::manager {

int check_configuration(std::string const& path, std::ostream& out) {
  auto const text = read_configuration_file(path);
  if (!text) {
    Mistake const mistake{path, 0, "cannot be read: " + text.error().reason,
                          "a file that mailpoold may read"};
    out << mistake.to_line() << '\n';
    return EX_CONFIG;
  }
  auto const loaded = load_settings(*text, path);
  for (auto const& mistake : loaded.mistakes) out << mistake.to_line() << '\n';
  if (!loaded.is_good()) return EX_CONFIG;
  out << printable(path) << ": no mistakes\n";
  return EX_OK;
}

}  // namespace mailpool::manager
