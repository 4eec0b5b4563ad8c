#include "core/config/included.h"

#include <algorithm>
#include <iterator>

#include "core/config/options.h"

namespace mailpool {
namespace {

// Beside the configuration file, unless it is absolute.
std::string path_of(std::string const& name, std::string const& file) {
  if (name.starts_with('/')) return name;
  auto const slash = file.rfind('/');
  return slash == std::string::npos ? name : file.substr(0, slash + 1) + name;
}

}  // namespace

std::vector<Inclusion> included_files(std::string_view text, std::string const& file) {
  std::vector<Inclusion> found;
  auto const root = parse_document(text);
  if (!root) return found;
  auto const* const entry = root->find("include");
  if (entry == nullptr) {
    for (auto const& name : Settings{}.include) found.push_back({path_of(name, file), 0, false});
    return found;
  }
  Settings settings;
  value::Wrongs wrongs;
  auto const options = options_of(Section::Top);
  auto const option = std::find_if(options.begin(), options.end(),
                                   [](Option const& o) { return o.key == "include"; });
  option->read(&settings, entry->value, wrongs);
  if (!wrongs.empty()) return found;
  for (std::size_t i = 0; i < settings.include.size(); ++i)
    found.push_back({path_of(settings.include[i], file), entry->value.items[i].line, true});
  return found;
}

Node merged(Node base, Node over) {
  if (base.kind != Node::Kind::Table || over.kind != Node::Kind::Table) return over;
  for (auto& entry : base.entries) {
    auto const same = std::find_if(over.entries.begin(), over.entries.end(),
                                   [&](Node::Entry const& e) { return e.key == entry.key; });
    if (same == over.entries.end()) {
      over.entries.push_back(std::move(entry));
    } else if (entry.key == "rule" && entry.value.kind == Node::Kind::List &&
               same->value.kind == Node::Kind::List) {
      std::move(entry.value.items.begin(), entry.value.items.end(),
                std::back_inserter(same->value.items));
    } else {
      same->value = merged(std::move(entry.value), std::move(same->value));
    }
  }
  return over;
}

}  // namespace mailpool
