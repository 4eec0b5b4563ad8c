#pragma once
// The rows of the table of options for TLS. For options.cc alone.

namespace mailpool {

class Table;

void add_tls(Table& table);
void add_mta_sts(Table& table);
/// Within [site.NAME] and [domain."NAME"].
void add_site_tls(Table& table);
void add_domain_tls(Table& table);

}  // namespace mailpool
