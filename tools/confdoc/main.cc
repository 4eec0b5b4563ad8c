// Prints what the table of options says: `confdoc sample` is conf/mailpool.reference.toml,
// `confdoc manual` the list in mailpool.toml(5), `confdoc metrics` that in mailpool-metrics(7),
// `confdoc apparmor` the profile. tools/generate puts them where they belong. `confdoc check FILE
// [INCLUDED]...` names the mistakes of an example, without a look at the machine.

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/confinement.h"
#include "core/config/included.h"
#include "core/config/load.h"
#include "core/config/reference.h"
#include "core/control/metric_families.h"

namespace {

mailpool::ConfigurationText read(std::string const& path) {
  std::ifstream file(path);
  return {path, {std::istreambuf_iterator<char>(file), {}}};
}

int check(std::string const& path, std::vector<std::string> const& others) {
  std::vector<mailpool::ConfigurationText> included;
  for (auto const& other : others) included.push_back(read(other));
  auto const loaded = mailpool::load_settings(read(path).text, path, included);
  for (auto const& mistake : loaded.mistakes) std::cout << mistake.to_line() << "\n";
  return loaded.is_good() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::string_view const wanted = argc >= 2 ? argv[1] : "";
  if (argc >= 3 && wanted == "check") return check(argv[2], {argv + 3, argv + argc});
  if (argc == 2 && wanted == "sample") {
    std::cout << mailpool::sample_file();
  } else if (argc == 2 && wanted == "manual") {
    std::cout << mailpool::manual_options();
  } else if (argc == 2 && wanted == "metrics") {
    std::cout << mailpool::control::metrics_as_mdoc();
  } else if (argc == 2 && wanted == "apparmor") {
    std::cout << mailpool::apparmor_profile();
  } else {
    std::cerr << "usage: confdoc sample | manual | metrics | apparmor | check FILE [INCLUDED]...\n";
    return 2;
  }
  return std::cout.flush() ? 0 : 1;
}
