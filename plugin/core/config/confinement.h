#pragma once
// The files that mailpoold touches, as rules of AppArmor: from the defaults of the options, so that
// a default cannot move without its rule.

#include <string>
#include <vector>

namespace mailpool {

/// Files that match a pattern of AppArmor, and what is done with them: its letters, as "rw".
struct FileRule {
  std::string files;
  std::string access;
};

/// Rules of one purpose.
struct FileRules {
  std::string purpose;  ///< a sentence
  std::vector<FileRule> rules;
};

[[nodiscard]] std::vector<FileRules> files_of_mailpoold();

/// All of packaging/apparmor/usr.sbin.mailpoold.
[[nodiscard]] std::string apparmor_profile();

}  // namespace mailpool
