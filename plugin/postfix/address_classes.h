#pragma once
// Domains that are Postfix's own business: local, virtual and relay ones never enter the pool.
//
// transport_maps overrides every address class, and a table is not told the class. So the table
// asks the same questions as trivial-rewrite, with the same functions of Postfix and the same
// parameters: whatever may stand in these lists (names, several tables, /file, !negation, patterns,
// parent domains) means the same here. Tables are opened when ours is: as root, before the chroot,
// and shared with trivial-rewrite's own.

#include "postfix/dict_abi.h"

namespace mailpool::postfix {

class AddressClasses {
 public:
  AddressClasses() = default;
  AddressClasses(AddressClasses const&) = delete;
  AddressClasses& operator=(AddressClasses const&) = delete;
  ~AddressClasses();

  /// False: this Postfix lacks a function that it takes, so no domain may be answered for.
  [[nodiscard]] bool load();

  /// The parameter whose list holds the domain; "a list that cannot be searched now" on trouble
  /// with a table; null: none.
  [[nodiscard]] char const* list_with(char const* domain) const;

 private:
  MatchList* local_ =
      nullptr;  // interface addresses count as local too: literals, which the table never answers
  MatchList* virtual_alias_ = nullptr;
  MatchList* virtual_mailbox_ = nullptr;
  MatchList* relay_ = nullptr;
};

}  // namespace mailpool::postfix
