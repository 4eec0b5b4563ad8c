#pragma once
// What the options of [events] must have to go together.

#include "core/config/section_reader.h"

namespace mailpool {

/// Called when the section has been read.
void check_events(Node const& root, SectionReader& reader, EventsSettings const& events);

}  // namespace mailpool
