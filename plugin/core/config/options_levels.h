#pragma once
// The rows of the table of options for the levels beside the site. For options.cc alone.

namespace mailpool {

class Table;

void add_total(Table& table);
void add_domain(Table& table);
/// [source.NAME] and [pool.NAME].
void add_sources(Table& table);
/// [sender_domain."NAME"] and [tenant.NAME].
void add_senders(Table& table);

}  // namespace mailpool
