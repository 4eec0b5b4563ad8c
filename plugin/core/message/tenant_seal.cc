#include "core/message/tenant_seal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>
#include <span>

#include "core/base/sha256.h"
#include "core/base/text.h"

namespace mailpool {
namespace {

constexpr std::size_t longest_seal = 512;
constexpr std::size_t longest_sender = 1024;
constexpr std::size_t most_keys = 8;
constexpr std::size_t shortest_key = 32;
constexpr std::size_t longest_key = 256;
constexpr std::size_t longest_nonce = 64;  // hexadecimal digits

struct Parts {
  std::string_view tenant;
  std::optional<std::string_view> campaign;  // there since version 2
  std::string_view time;
  std::string_view nonce;
  std::string_view mac;
};

bool is_hex(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

std::string hex_of(std::string_view octets) {
  std::string text;
  for (char const c : octets) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

// A line each, and none of them can hold a line end: no two different seals have one text. Domains
// are compared without case by everybody, and MTAs change it; local parts are left alone.
std::string sealed_text(Parts const& parts, std::string_view sender) {
  auto const at = sender.rfind('@');
  std::string same_for_all(sender.substr(0, at));
  if (at != std::string_view::npos) same_for_all += ascii_lower(sender.substr(at));
  if (!parts.campaign)
    return fmt::format("mailpool-seal\n1\n{}\n{}\n{}\n{}", parts.tenant, parts.time, parts.nonce,
                       same_for_all);
  return fmt::format("mailpool-seal\n2\n{}\n{}\n{}\n{}\n{}", parts.tenant, *parts.campaign,
                     parts.time, parts.nonce, same_for_all);
}

std::string mac_of(Parts const& parts, std::string_view sender, std::string const& key) {
  return hex_of(octets_of(hmac_sha256(key, sealed_text(parts, sender))));
}

// "name=value"; the value, if the name is this one.
std::optional<std::string_view> part_of(std::string_view field, std::string_view name) {
  auto const text = trimmed(field);
  if (text.size() <= name.size() || !text.starts_with(name) || text[name.size()] != '=')
    return std::nullopt;
  return text.substr(name.size() + 1);
}

Result<Parts> parse(std::string_view value) {
  if (value.size() > longest_seal) return failed("the seal is too long");
  auto const fields = split(value, ';');
  if (auto const version = part_of(fields.front(), "v"); !version)
    return failed("the seal has no version");
  else if (*version != "1" && *version != "2")
    return failed("the seal is of another version");
  else if (fields.size() != (*version == "1" ? 5U : 6U))
    return failed("the seal is not whole");
  bool const has_campaign = fields.size() == 6;
  auto const tenant = part_of(fields[1], "tenant");
  auto const campaign = has_campaign ? part_of(fields[2], "campaign") : std::nullopt;
  auto const rest = std::span(fields).last(3);
  auto const time = part_of(rest[0], "time");
  auto const nonce = part_of(rest[1], "nonce");
  auto const mac = part_of(rest[2], "mac");
  if (!tenant || !time || !nonce || !mac || has_campaign != campaign.has_value())
    return failed("the seal is not whole");
  // Nobody's mail may be of a campaign.
  bool const names_somebody =
      has_campaign ? is_tenant_name(*campaign) && (tenant->empty() || is_tenant_name(*tenant))
                   : is_tenant_name(*tenant);
  if (!names_somebody || time->size() > 11 || !to_number(*time) || !is_hex(*nonce) ||
      nonce->size() > longest_nonce || !is_hex(*mac) || mac->size() != 64)
    return failed("the seal's fields are not what they should be");
  return Parts{*tenant, campaign, *time, *nonce, *mac};
}

}  // namespace

bool is_tenant_name(std::string_view name) {
  auto const plain = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); };
  return !name.empty() && name.size() <= 64 && plain(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return plain(c) || c == '.' || c == '-' || c == '_'; });
}

Result<SealKeys> SealKeys::parse(std::string_view file) {
  std::vector<std::string> keys;
  std::size_t number = 0;
  for (auto const raw : split(file, '\n')) {
    ++number;
    auto const line = trimmed(raw);
    if (line.empty() || line.front() == '#') continue;
    if (line.size() < shortest_key || line.size() > longest_key)
      return failed(fmt::format("line {}: a key has {} to {} characters (openssl rand -hex 32)",
                                number, shortest_key, longest_key));
    if (std::any_of(line.begin(), line.end(), [](char c) { return c < 0x20 || c > 0x7e; }))
      return failed(fmt::format("line {}: a key has printable ASCII characters only", number));
    if (keys.size() == most_keys)
      return failed(fmt::format("line {}: more than {} keys", number, most_keys));
    keys.emplace_back(line);
  }
  if (keys.empty()) return failed("it holds no key (openssl rand -hex 32 makes one)");
  return SealKeys(std::move(keys));
}

std::string make_seal(Sealed const& what, std::string_view sender, WallTime now,
                      std::string_view nonce, SealKeys const& keys) {
  auto const& [tenant, campaign] = what;
  assert((tenant.empty() || is_tenant_name(tenant)) &&
         (campaign.empty() || is_tenant_name(campaign)) && !(tenant.empty() && campaign.empty()) &&
         "only names can be sealed");
  assert(nonce.size() >= 8 && nonce.size() * 2 <= longest_nonce && "a nonce is random and bounded");
  auto const since_1970 =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  auto const time = fmt::format("{}", since_1970);
  auto const digits = hex_of(nonce);
  auto const of_campaign =
      campaign.empty() ? std::nullopt : std::optional<std::string_view>(campaign);
  auto const mac = mac_of({tenant, of_campaign, time, digits, {}}, sender, keys.newest());
  if (!of_campaign)
    return fmt::format("v=1; tenant={}; time={}; nonce={}; mac={}", tenant, time, digits, mac);
  return fmt::format("v=2; tenant={}; campaign={}; time={}; nonce={}; mac={}", tenant, campaign,
                     time, digits, mac);
}

Result<Sealed> open_seal(std::string_view value, std::string_view sender, WallTime now,
                         SealKeys const& keys) {
  auto const parts = parse(value);
  if (!parts) return tl::make_unexpected(parts.error());
  if (sender.size() > longest_sender) return failed("the sender is too long for a seal");
  bool const is_ours = std::any_of(keys.all().begin(), keys.all().end(), [&](auto const& key) {
    return equal_in_constant_time(mac_of(*parts, sender, key), parts->mac);
  });
  if (!is_ours) return failed("the seal was made with another key or for another sender");
  // In whole seconds: eleven digits of them are more than a WallTime can count in nanoseconds.
  auto const sealed = std::chrono::sys_seconds(std::chrono::seconds(*to_number(parts->time)));
  auto const today = std::chrono::ceil<std::chrono::seconds>(now);
  if (sealed > today + seal_clock_skew) return failed("the seal is from the future");
  if (today - sealed > seal_lifetime) return failed("the seal is too old");
  return Sealed{std::string(parts->tenant), std::string(parts->campaign.value_or(""))};
}

}  // namespace mailpool
