#pragma once
// What delivery tells of what happened (core/events): each is one line where it happens, and
// nothing is gathered where nobody wants to know.

#include <string_view>

#include "core/delivery/delivery.h"
#include "core/delivery/path_name.h"
#include "core/site/adaptive.h"
#include "core/site/suspension_record.h"

namespace mailpool::delivery {

/// How one recipient's way ended, and which it was.
struct Ending {
  Message const& message;
  Recipient const& recipient;
  Outcome const& outcome;
  std::string_view site;           ///< "-": none is known
  Transaction const* transaction;  ///< null: it never came to one
  Relay const& relay;
  Timing const& timing;
};

void tell_outcome(Context& context, Ending const& ending, TimePoint now);
void tell_opened(Context& context, PathName const& path, SmtpConnection const& connection,
                 TimePoint now);
void tell_closed(Context& context, PathName const& path, SmtpConnection const& connection,
                 std::string_view reason, TimePoint now);
void tell_suspended(Context& context, site::Suspended const& what,
                    site::Suspension const& suspension, TimePoint now);
/// Before its time.
void tell_resumed(Context& context, site::Suspended const& what, TimePoint now);
void tell_allowance(Context& context, events::Kind kind, PathName const& path,
                    site::Adaptive const& adaptive, TimePoint now);
void tell_cap(Context& context, PathName const& path, std::uint32_t most, TimePoint now);
void tell_rule(Context& context, events::RuleEvent const& event, TimePoint now);
void tell_login(Context& context, events::LoginEvent const& event, TimePoint now);

}  // namespace mailpool::delivery
