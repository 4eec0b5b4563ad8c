// The one symbol that Postfix looks for, and the C functions behind it.

#include <cstdlib>
#include <new>

#include "postfix/dict_abi.h"
#include "postfix/table.h"

namespace mailpool::postfix {

namespace {

char const* lookup(Dict* dict, char const* key) {
  dict->error = dict_error_none;  // never "try again": whatever happens, mail goes its ordinary way
  Table* const table = reinterpret_cast<TableDict*>(dict)->table;
  return table != nullptr ? table->lookup(key) : nullptr;
}

void close_table(Dict* dict) {
  Table* const table = reinterpret_cast<TableDict*>(dict)->table;
  if (table != nullptr) {
    table->~Table();
    std::free(table);
  }
  dict_free(dict);
}

// Not operator new: the C++ library stays out of Postfix.
Table* make_table() {
  void* const memory = std::malloc(sizeof(Table));
  return memory != nullptr ? new (memory) Table : nullptr;
}

}  // namespace

}  // namespace mailpool::postfix

extern "C" __attribute__((visibility("default"))) mailpool::postfix::Dict* dict_mailpool_open(
    char const* name, int /*open_flags*/, int dict_flags) noexcept {
  using namespace mailpool::postfix;
  Dict* const dict = dict_alloc("mailpool", name, sizeof(TableDict));
  dict->lookup = lookup;
  dict->close = close_table;
  dict->flags = dict_flags | dict_flag_fixed;
  dict->owner_status = dict_owner_trusted;
  dict->owner_uid = 0;
  Table* const table = make_table();
  reinterpret_cast<TableDict*>(dict)->table = table;
  if (table != nullptr) table->open(dict->name);
  return dict;
}
