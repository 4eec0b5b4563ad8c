#include "core/site/wait.h"

namespace mailpool::site {

std::string_view name_of(Limit limit) {
  switch (limit) {
    case Limit::None:
      return "";
    case Limit::Rate:
      return "rate";
    case Limit::RecipientRate:
      return "recipient_rate";
    case Limit::ConnectRate:
      return "connect_rate";
    case Limit::MaxConnections:
      return "max_connections";
    case Limit::MaxConnectionsPerHost:
      return "max_connections_per_host";
    case Limit::WarmUp:
      return "warm_up";
    case Limit::Connecting:
      return "connecting";
    case Limit::Descriptors:
      return "descriptors";
    case Limit::BackingOff:
      return "backing_off";
    case Limit::Suspended:
      return "suspended";
  }
  return "";
}

std::string_view name_of(SiteState state) {
  switch (state) {
    case SiteState::Open:
      return "open";
    case SiteState::Limited:
      return "limited";
    case SiteState::BackingOff:
      return "backing_off";
    case SiteState::Suspended:
      return "suspended";
    case SiteState::Failing:
      return "failing";
  }
  return "open";
}

}  // namespace mailpool::site
