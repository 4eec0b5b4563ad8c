#pragma once
// How a path is called: by its site, and by its source where it has one.

#include <string>
#include <string_view>

namespace mailpool::delivery {

/// Both names must outlive it.
struct PathName {
  std::string_view site;
  std::string_view source;  ///< "": the site's own path; "*": all of its paths together
  /// "google", "google/west": in state.db and as a name of limits.
  [[nodiscard]] std::string key() const { return joined("/"); }
  /// "google", "google from west": in words.
  [[nodiscard]] std::string title() const { return joined(" from "); }
  /// Behind "site=" of a log line: "google", "google source=west".
  [[nodiscard]] std::string in_log() const { return joined(" source="); }

 private:
  [[nodiscard]] std::string joined(std::string_view by) const {
    std::string name(site);
    return source.empty() ? name : name.append(by).append(source);
  }
};

}  // namespace mailpool::delivery
