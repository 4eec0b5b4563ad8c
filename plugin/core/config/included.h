#pragma once
// Files that the configuration takes in: `include`, and how several files become one tree.

#include <string>
#include <string_view>
#include <vector>

#include "core/config/document.h"

namespace mailpool {

/// One file that makes up the configuration.
struct ConfigurationText {
  std::string name;
  std::string text;
};

struct Inclusion {
  std::string path;       ///< absolute, or beside the configuration file
  unsigned line = 0;      ///< of the name; 0: it is the default
  bool is_wanted = true;  ///< false: it may be missing
};

/// What the text of `file` includes; nothing where the text is no TOML or `include` is misread:
/// load_settings() says so then.
[[nodiscard]] std::vector<Inclusion> included_files(std::string_view text, std::string const& file);

/// Puts `over` over `base`: key by key in sections, whole values elsewhere. Of [[rule]] those of
/// `over` come first, then those of `base`.
[[nodiscard]] Node merged(Node base, Node over);

}  // namespace mailpool
