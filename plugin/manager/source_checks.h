#pragma once
// What the settings of sources and tenants need from the machine: the keys of the milter's seals,
// and the addresses that mail is sent from.

#include "manager/configuration.h"

namespace mailpool::manager {

/// A warning for each address of a source that is not one of this machine.
void check_sources(Configuration& c);

}  // namespace mailpool::manager
