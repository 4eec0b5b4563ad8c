#include "milter/session.h"

#include <algorithm>
#include <limits>

#include "core/base/text.h"
#include "core/message/address.h"

namespace mailpool::milter {
namespace {

std::string_view without_brackets(std::string_view path) {
  auto const text = trimmed(path);
  if (text.size() >= 2 && text.front() == '<' && text.back() == '>')
    return text.substr(1, text.size() - 2);
  return text;
}

}  // namespace

void Session::connect(std::optional<IpAddress> address, bool is_local_submission) {
  client_ = {};
  client_.address = address;
  client_.is_local_submission = is_local_submission;
  abort();
}

void Session::abort() {
  sender_.clear();
  early_tenant_.reset();
  uncounted_ = 0;
  seen_.clear();
}

void Session::mail(std::string_view sender, std::string_view login) {
  abort();
  sender_ = without_brackets(sender);
  client_.login = login;
  early_tenant_ = shared_.tenants.before_headers(client_);
}

// By Postfix's table mail that waits takes another service, which leads here too.
bool Session::leads_to_mailpool(std::string_view mailer) const {
  constexpr std::string_view for_backlogs = "-backlog";
  auto const usual =
      mailer.substr(0, mailer.size() - (mailer.ends_with(for_backlogs) ? for_backlogs.size() : 0));
  auto const& ours = shared_.mailers;
  return mailer.empty() || std::any_of(ours.begin(), ours.end(), [&](auto const& one) {
           return one == mailer || one == usual;
         });
}

Reply Session::recipient(std::string_view address, std::string_view mailer) {
  // The MTA's own cleanup hands in what sendmail(1) gave it: there is nobody to come back.
  if (client_.is_local_submission) return {};
  if (!leads_to_mailpool(mailer)) return {};
  auto const domain = domain_of(without_brackets(address));
  if (!domain) return {};  // the MTA's own matter
  auto reply = ask(*domain, early_tenant_.value_or(""), 1);
  if (reply.kind == Reply::Kind::Continue && !early_tenant_ &&
      uncounted_ < std::numeric_limits<std::uint16_t>::max())
    ++uncounted_;
  return reply;
}

Reply Session::ask(std::string const& domain, std::string const& tenant, std::uint16_t recipients) {
  auto admission = gate_.ask(domain, tenant, recipients);
  if (!admission.is_refused) return {};
  return {Reply::Kind::Tempfail, std::move(admission.text)};
}

void Session::header(std::string_view raw_name, std::string_view value) {
  auto const name = trimmed(raw_name);
  auto const is_this = [name](std::string_view ours) { return ascii_iequal(name, ours); };
  auto const& headers = shared_.tenants.headers();
  bool const is_ours = std::any_of(headers.begin(), headers.end(), is_this) ||
                       is_this(shared_.tenants.campaign_header()) || is_this(tenant_header) ||
                       is_this(campaign_header) || is_this(seal_header);
  if (!is_ours) return;
  auto seen = std::find_if(seen_.begin(), seen_.end(),
                           [&](auto const& known) { return is_this(known.name); });
  if (seen == seen_.end()) {
    auto const tenant = ascii_lower(trimmed(value));
    seen_.push_back({std::string(name), 0, is_tenant_name(tenant) ? tenant : std::string()});
    seen = std::prev(seen_.end());
  }
  ++seen->copies;
}

// The first copy of a header, if it is a name.
std::string Session::said_in(std::string_view header) const {
  auto const seen = std::find_if(seen_.begin(), seen_.end(), [&](auto const& known) {
    return ascii_iequal(known.name, header);
  });
  return seen == seen_.end() ? std::string() : seen->value;
}

Ending Session::end_of_message(WallTime now, std::string_view nonce) {
  Ending ending;
  std::vector<std::string> named;
  for (auto const& header : shared_.tenants.headers()) named.push_back(said_in(header));
  Sealed what;
  if (shared_.tenants.believes_headers_of(client_))
    what.campaign = said_in(shared_.tenants.campaign_header());
  for (auto const& seen : seen_) {
    ending.deletions.push_back({seen.name, seen.copies});
    if (seen.copies > most_copies)
      ending.reply = {Reply::Kind::Reject, "too many copies of " + printable(seen.name, 64)};
  }
  what.tenant = shared_.tenants.with_headers(client_, named);
  if (ending.reply.kind == Reply::Kind::Continue && uncounted_ > 0 && !what.tenant.empty())
    ending.reply = ask({}, what.tenant, uncounted_);
  bool const says_something = !what.tenant.empty() || !what.campaign.empty();
  if (ending.reply.kind == Reply::Kind::Continue && says_something && shared_.keys)
    ending.seal = make_seal(what, sender_, now, nonce, *shared_.keys);
  abort();
  return ending;
}

}  // namespace mailpool::milter
