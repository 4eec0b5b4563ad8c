#include "manager/mta_sts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/route/dns_wire.h"
#include "core/state/record.h"

namespace mailpool::manager {
namespace {

using namespace std::chrono_literals;

// A policy host that failed is not asked at every route.
constexpr Duration pause_after_failure = 5min;
// Descriptors that are short are not asked for at every route either.
constexpr Duration pause_after_shortage = 1s;
// A policy is renewed while it still holds, a day before its end or at half of a short life.
constexpr Duration renew_before = 24h;
constexpr std::size_t most_failures = 10'000;

bool is_near_its_end(tls::StsPolicy const& policy, WallTime expires, WallTime now) {
  return expires - now < std::min(policy.max_age / 2, renew_before);
}

}  // namespace

std::string written(tls::StsPolicy const& policy) {
  auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(policy.max_age).count();
  return state::join({policy.id, name_of(policy.mode), std::to_string(seconds),
                      fmt::format("{}", fmt::join(policy.mx, " "))});
}

std::optional<tls::StsPolicy> read_policy(std::string_view text) {
  auto const fields = state::fields_of(text);
  if (fields.size() != 4) return std::nullopt;
  std::string policy = fmt::format("version: STSv1\nmode: {}\nmax_age: {}\n", fields[1], fields[2]);
  for (auto const mx : split(fields[3], ' '))
    if (!mx.empty()) policy += fmt::format("mx: {}\n", mx);
  auto parsed = tls::parse_sts_policy(policy);
  if (!parsed) return std::nullopt;
  parsed->id = fields[0];
  return std::move(*parsed);
}

/// One domain's question: TXT, perhaps addresses, perhaps HTTPS.
class MtaSts::Lookup final : public route::Question,
                             private route::RecordListener,
                             private route::AddressListener,
                             private FetchListener {
 public:
  Lookup(MtaSts& owner, std::string domain, route::StsListener& listener)
      : owner_(owner), domain_(std::move(domain)), listener_(listener) {}
  ~Lookup() override = default;

  /// True when it was answered at once.
  bool begin() {
    bool is_over = false;
    is_over_ = &is_over;
    auto question = owner_.resolver_.records("_mta-sts." + domain_, route::type_txt, *this);
    if (is_over) return true;
    is_over_ = nullptr;
    if (question) question_ = std::move(question);
    return false;
  }

 private:
  void on_records(route::RecordAnswer answer) override {
    std::vector<std::string> texts;
    if (answer.status == route::DnsStatus::Answer)
      for (auto const& rdata : answer.records)
        if (auto text = route::text_of(rdata)) texts.push_back(std::move(*text));
    auto const id = tls::sts_id_of(texts);
    auto const* known = owner_.in_force(domain_);
    is_unsure_ = id || answer.status == route::DnsStatus::Failure ||
                 answer.status == route::DnsStatus::Bogus;
    if (!id) return finish_with_known();
    id_ = *id;
    bool const is_fresh = known != nullptr && known->policy.id == id_ &&
                          !is_near_its_end(known->policy, known->expires, owner_.wall());
    auto const failed = owner_.failed_.find(domain_);
    bool const must_wait = failed != owner_.failed_.end() && owner_.loop_.now() < failed->second;
    if (is_fresh || must_wait) return finish_with_known();
    ask_addresses();
  }

  void ask_addresses() {
    auto const host = "mta-sts." + domain_;
    unanswered_ = 2;
    is_asking_ = true;
    auto v4 = owner_.resolver_.addresses(host, IpAddress::Family::V4, *this);
    auto v6 = owner_.resolver_.addresses(host, IpAddress::Family::V6, *this);
    is_asking_ = false;
    address_questions_[0] = std::move(v4);
    address_questions_[1] = std::move(v6);
    if (unanswered_ == 0) fetch();
  }

  void on_addresses(route::AddressAnswer answer) override {
    --unanswered_;
    addresses_.insert(addresses_.end(), answer.addresses.begin(), answer.addresses.end());
    if (unanswered_ == 0 && !is_asking_) fetch();
  }

  void fetch() {
    if (addresses_.empty())
      return fail(tls::Failure::StsPolicyFetchError,
                  fmt::format("mta-sts.{} has no address", domain_));
    HttpsRequest request;
    request.host = "mta-sts." + domain_;
    request.port = owner_.settings_.options.port;
    request.path = "/.well-known/mta-sts.txt";
    request.addresses = std::move(addresses_);
    request.timeout = owner_.settings_.options.timeout;
    request.most = tls::longest_sts_policy;
    request.trust = owner_.settings_.trust;
    trust_ = owner_.settings_.keeps_trust;
    request.prohibited = owner_.settings_.prohibited;
    request.own = owner_.settings_.own;
    fetch_ = owner_.fetcher_.get(std::move(request), *this);
  }

  void on_fetched(tl::expected<std::string, FetchError> body) override {
    if (!body && body.error().trouble == FetchTrouble::NoSocket) {
      owner_.note_shortage(domain_, body.error().why);
      return finish_with_known();
    }
    if (!body) {
      auto const failure =
          body.error().trouble == FetchTrouble::Certificate ? tls::Failure::StsWebpkiInvalid
          : body.error().trouble == FetchTrouble::Content   ? tls::Failure::StsPolicyInvalid
                                                            : tls::Failure::StsPolicyFetchError;
      return fail(failure, body.error().why);
    }
    auto policy = tls::parse_sts_policy(*body);
    if (!policy) return fail(tls::Failure::StsPolicyInvalid, policy.error().reason);
    policy->id = id_;
    owner_.failed_.erase(domain_);
    owner_.keep(domain_, *policy);
    finish(std::move(*policy));
  }

  void fail(tls::Failure failure, std::string const& why) {
    owner_.note_failure(domain_, failure, why);
    finish_with_known();
  }
  void finish_with_known() {
    auto const* known = owner_.in_force(domain_);
    if (known != nullptr) return finish(known->policy);
    tls::StsPolicy none;
    none.is_unavailable = is_unsure_;
    finish(std::move(none));
  }
  /// As the last thing: the listener may destroy this.
  void finish(tls::StsPolicy policy) {
    if (is_over_ != nullptr) *is_over_ = true;
    listener_.on_sts(std::move(policy));
  }

  MtaSts& owner_;
  std::string const domain_;
  route::StsListener& listener_;
  std::string id_;
  bool is_unsure_ = false;  ///< there is a policy, or nobody can say
  std::unique_ptr<route::Question> question_;
  std::array<std::unique_ptr<route::Question>, 2> address_questions_;
  std::vector<IpAddress> addresses_;
  std::size_t unanswered_ = 0;
  bool is_asking_ = false;
  bool* is_over_ = nullptr;  ///< of begin(), while it asks
  std::shared_ptr<void const> trust_;
  std::unique_ptr<Fetch> fetch_;
};

MtaSts::MtaSts(Loop& loop, route::Resolver& resolver, state::Store& store, Log& log)
    : loop_(loop), resolver_(resolver), store_(store), log_(log), fetcher_(loop) {
  for (auto const& record : store_.take_loaded(state::Kind::StsPolicy))
    if (auto policy = read_policy(record.value); policy && known_.size() < most_sts_policies)
      known_[record.key] = {std::move(*policy), record.expires};
}

MtaSts::~MtaSts() = default;

std::unique_ptr<route::Question> MtaSts::find(std::string const& domain,
                                              route::StsListener& listener) {
  if (!settings_.options.enabled || settings_.trust == nullptr) {
    listener.on_sts({});
    return nullptr;
  }
  auto lookup = std::make_unique<Lookup>(*this, domain, listener);
  if (lookup->begin()) return nullptr;
  return lookup;
}

MtaSts::Known const* MtaSts::in_force(std::string const& domain) const {
  auto const found = known_.find(domain);
  return found == known_.end() || found->second.expires <= wall() ? nullptr : &found->second;
}

void MtaSts::keep(std::string const& domain, tls::StsPolicy const& policy) {
  auto const now = wall();
  if (known_.size() >= most_sts_policies)
    std::erase_if(known_, [&](auto const& entry) { return entry.second.expires <= now; });
  if (known_.size() >= most_sts_policies && !known_.contains(domain)) return;
  auto const expires = now + std::chrono::duration_cast<WallTime::duration>(policy.max_age);
  known_[domain] = {policy, expires};
  store_.put(state::Kind::StsPolicy, domain, written(policy), expires);
  log_.info(fmt::format("mta-sts: {} has the policy {} mode={} mx={}", domain, policy.id,
                        name_of(policy.mode), fmt::join(policy.mx, ",")));
}

void MtaSts::note_failure(std::string const& domain, tls::Failure failure, std::string const& why) {
  log_.warning(fmt::format("mta-sts: the policy of {} cannot be had: {}{}", domain, printable(why),
                           in_force(domain) != nullptr ? "; the known one stays in force" : ""));
  if (failed_.size() >= most_failures) failed_.clear();
  failed_[domain] = after(loop_.now(), pause_after_failure);
  if (reports_ == nullptr) return;
  tls::SessionResult result;
  result.policy.type = "sts";
  result.failure = failure;
  result.ends.host = "mta-sts." + domain;
  result.details = why;
  reports_->note(domain, result, wall());
}

// It says nothing of the policy's host: nothing is reported, and it is asked again soon.
void MtaSts::note_shortage(std::string const& domain, std::string const& why) {
  log_.warning(fmt::format("mta-sts: the policy of {} cannot be asked for: {}", domain, why));
  if (failed_.size() >= most_failures) failed_.clear();
  failed_[domain] = after(loop_.now(), pause_after_shortage);
}

WallTime MtaSts::wall() const {
  return loop_.clock().wall(loop_.now());
}

}  // namespace mailpool::manager
