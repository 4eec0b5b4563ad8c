#include "core/config/settings.h"

#include <array>

namespace mailpool {

std::string_view name_of(IpPreference preference) {
  switch (preference) {
    case IpPreference::Any:
      return "any";
    case IpPreference::Only4:
      return "4";
    case IpPreference::Only6:
      return "6";
    case IpPreference::Prefer4:
      return "prefer4";
    case IpPreference::Prefer6:
      return "prefer6";
  }
  return "";
}

std::string_view name_of(EightBit choice) {
  switch (choice) {
    case EightBit::Send:
      return "send";
    case EightBit::Refuse:
      return "refuse";
  }
  return "";
}

std::string_view name_of(DsnOffer offer) {
  switch (offer) {
    case DsnOffer::Auto:
      return "auto";
    case DsnOffer::Always:
      return "always";
    case DsnOffer::Never:
      return "never";
  }
  return "auto";
}

std::string_view name_of(Fallback fallback) {
  switch (fallback) {
    case Fallback::Smtp:
      return "smtp";
    case Fallback::Defer:
      return "defer";
  }
  return "";
}

std::string_view name_of(CountedPer per) {
  return per == CountedPer::Path ? "path" : "site";
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return "debug";
    case LogLevel::Info:
      return "info";
    case LogLevel::Warning:
      return "warning";
    case LogLevel::Error:
      return "error";
  }
  return "";
}

std::string_view name_of(EventAddresses addresses) {
  switch (addresses) {
    case EventAddresses::Full:
      return "full";
    case EventAddresses::Domain:
      return "domain";
    case EventAddresses::Hash:
      return "hash";
  }
  return "";
}

std::vector<IpNetwork> networks_never_meant_by_mx() {
  static constexpr std::array<std::string_view, 5> texts{"0.0.0.0/8", "127.0.0.0/8",
                                                         "169.254.0.0/16", "::1/128", "fe80::/10"};
  std::vector<IpNetwork> networks;
  for (auto text : texts) networks.push_back(IpNetwork::parse(text).value());
  return networks;
}

}  // namespace mailpool
