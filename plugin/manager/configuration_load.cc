#include "manager/configuration_load.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "core/rules/check.h"
#include "posix/settings_file.h"

namespace mailpool::manager {
namespace {

// As somebody goes through the files: the main one from its top, then the others.
void sort_by_line(std::vector<Mistake>& mistakes, std::string const& main_file) {
  std::stable_sort(mistakes.begin(), mistakes.end(), [&](auto const& a, auto const& b) {
    auto const place = [&](Mistake const& m) {
      return std::tuple(m.file != main_file, std::string_view(m.file), m.line);
    };
    return place(a) < place(b);
  });
}

}  // namespace

Loaded load_configuration(std::string const& path) {
  auto loaded = posix::load_settings_file(path);
  auto const of_rules = rules::mistakes_in(loaded.settings.rules);
  loaded.mistakes.insert(loaded.mistakes.end(), of_rules.begin(), of_rules.end());
  sort_by_line(loaded.mistakes, path);
  return loaded;
}

}  // namespace mailpool::manager
