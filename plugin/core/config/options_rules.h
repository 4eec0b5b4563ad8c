#pragma once
// The rows of the table of options for [[rule]]. For options.cc alone.

namespace mailpool {

class Table;

void add_rules(Table& table);

}  // namespace mailpool
