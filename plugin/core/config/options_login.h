#pragma once
// The rows of the table of options for [login.NAME]. For options.cc alone.

namespace mailpool {

class Table;

void add_login(Table& table);

}  // namespace mailpool
