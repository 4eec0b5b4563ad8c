// The lists of main.cf, through Postfix's own functions.

#include "postfix/address_classes.h"

namespace mailpool::postfix {

namespace {

char const not_searchable[] = "a list that cannot be searched now";

// trivial-rewrite has put its defaults into the dictionary of parameters before it opens the table;
// other programs have only what main.cf says, so that the default has to be followed here:
// virtual_alias_domains = $virtual_alias_maps.
char const* value_of(char const* parameter, char const* default_from) {
  char const* value = mail_conf_lookup_eval(parameter);
  if (value == nullptr && default_from != nullptr) value = mail_conf_lookup_eval(default_from);
  return value;
}

MatchList* list_of(char const* parameter, char const* value, int flags, MatchFunction function) {
  if (value == nullptr || *value == '\0') return nullptr;
  return match_list_init(parameter, flags | match_flag_return, value, 1, function);
}

void free_list(MatchList* list) {
  if (list != nullptr) match_list_free(list);
}

}  // namespace

AddressClasses::~AddressClasses() {
  free_list(local_);
  free_list(virtual_alias_);
  free_list(virtual_mailbox_);
  free_list(relay_);
}

bool AddressClasses::load() {
  bool const is_complete = mail_conf_lookup_eval != nullptr && match_list_init != nullptr &&
                           match_list_match != nullptr && match_list_free != nullptr &&
                           match_string != nullptr && match_hostname != nullptr &&
                           match_parent_style != nullptr;
  if (!is_complete) return false;
  local_ = list_of("mydestination", value_of("mydestination", nullptr), 0, match_string);
  virtual_alias_ =
      list_of("virtual_alias_domains", value_of("virtual_alias_domains", "virtual_alias_maps"), 0,
              match_string);
  virtual_mailbox_ =
      list_of("virtual_mailbox_domains",
              value_of("virtual_mailbox_domains", "virtual_mailbox_maps"), 0, match_string);
  relay_ = list_of("relay_domains", value_of("relay_domains", nullptr),
                   match_parent_style("relay_domains"), match_hostname);
  return true;
}

char const* AddressClasses::list_with(char const* domain) const {
  struct {
    char const* parameter;
    MatchList* list;
  } const lists[] = {{"mydestination", local_},
                     {"virtual_alias_domains", virtual_alias_},
                     {"virtual_mailbox_domains", virtual_mailbox_},
                     {"relay_domains", relay_}};
  for (auto const& [parameter, list] : lists) {
    if (list == nullptr) continue;
    if (match_list_match(list, domain) != 0) return parameter;
    if (list->error != 0) return not_searchable;
  }
  return nullptr;
}

}  // namespace mailpool::postfix
