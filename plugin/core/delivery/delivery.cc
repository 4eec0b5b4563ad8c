#include "core/delivery/delivery.h"

#include "core/delivery/site.h"
#include "core/delivery/telling.h"

#include <algorithm>
#include <cassert>
#include <unordered_map>
#include <utility>

namespace mailpool::delivery {

/// The recipients of one domain, waiting for its route.
class Delivery::Group final : public route::RouteListener {
 public:
  Group(Delivery& delivery, std::string domain) : delivery_(delivery), domain_(std::move(domain)) {}

  void add(std::size_t recipient) { recipients_.push_back(recipient); }

  void ask(route::Router& router, TimePoint now) { question_ = router.find(domain_, *this, now); }
  /// It is to come again, and called back then.
  void put_off(Outcome const& outcome, parking::Why why, TimePoint now) {
    Relay relay;
    relay.is_parked = delivery_.park(domain_, why, now);
    answer_all(outcome, relay, now);
  }
  /// Not wanted any more.
  void drop(Outcome const& outcome, TimePoint now) {
    if (!question_) return;
    question_.reset();
    answer_all(outcome, {}, now);
  }

 private:
  void on_route(std::shared_ptr<route::Route const> route) override {
    delivery_.context_.domains.note_route(domain_);
    delivery_.sink_.on_routed(delivery_, domain_, std::exchange(recipients_, {}), std::move(route),
                              delivery_.context_.clock.now());
  }
  void on_no_route(Outcome outcome) override {
    auto const now = delivery_.context_.clock.now();
    delivery_.context_.domains.note_no_route(domain_, outcome, now);
    if (outcome.kind == OutcomeKind::Deferred)
      put_off(outcome, parking::Why::Route, now);
    else
      answer_all(outcome, {}, now);
  }
  void answer_all(Outcome const& outcome, Relay const& relay, TimePoint now) {
    // Once: a question that was answered may still be dropped.
    for (auto recipient : std::exchange(recipients_, {}))
      delivery_.complete(recipient, outcome, nullptr, relay, now);
  }

  Delivery& delivery_;
  std::string domain_;
  std::vector<std::size_t> recipients_;
  std::unique_ptr<route::Question> question_;
};

Delivery::Delivery(Message message, DeliveryListener& listener, Context& context,
                   TransactionSink& sink, TimePoint now)
    : message_(std::move(message)),
      listener_(&listener),
      context_(context),
      sink_(sink),
      accepted_at_(now),
      open_(message_.envelope.recipients.size()) {}

Delivery::~Delivery() = default;

// It is called back once DNS answers, or all mail may go again.
bool Delivery::park(std::string const& domain, parking::Why why, TimePoint now) {
  auto const& envelope = message_.envelope;
  return context_.parking.entries.park({envelope.queue_id,
                                        envelope.queue,
                                        parking::lane_of_domain(domain),
                                        {},
                                        usual_priority,
                                        why,
                                        accepted_at_},
                                       now);
}

void Delivery::begin(route::Router& router, TimePoint now) {
  group_recipients();
  for (auto& group : groups_) group->ask(router, now);
}

void Delivery::refuse(Outcome const& outcome, TimePoint now) {
  group_recipients();
  for (auto const& group : groups_) group->put_off(outcome, parking::Why::Suspended, now);
}

void Delivery::group_recipients() {
  auto const& recipients = message_.envelope.recipients;
  same_as_.resize(recipients.size());
  done_.resize(recipients.size());
  std::unordered_map<std::string_view, std::size_t> first_of;
  std::unordered_map<std::string_view, Group*> group_of;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    auto const [first, is_new] = first_of.emplace(recipients[i].address, i);
    same_as_[i] = first->second;
    if (!is_new) continue;
    auto& group = group_of[recipients[i].domain];
    if (group == nullptr) {
      groups_.push_back(std::make_unique<Group>(*this, recipients[i].domain));
      group = groups_.back().get();
    }
    group->add(i);
  }
}

void Delivery::complete(std::size_t recipient, Outcome const& outcome,
                        Transaction const* transaction, Relay const& relay, TimePoint now) {
  for (std::size_t i = recipient; i < same_as_.size(); ++i) {
    if (same_as_[i] != recipient) continue;
    assert(!done_[i] && "a recipient is answered once");
    done_[i] = true;
    log_outcome(message_.envelope.recipients[i], outcome, transaction, relay, now);
    --open_;
    if (listener_ != nullptr) listener_->on_outcome(i, outcome, now);
    if (open_ == 0) context_.over.push_back(this);
  }
}

void Delivery::log_outcome(Recipient const& recipient, Outcome const& outcome,
                           Transaction const* transaction, Relay const& relay, TimePoint now) {
  context_.totals.count(outcome, now);
  context_.domains.count(recipient.domain, outcome.kind);
  Timing timing{accepted_at_, now, now, {}};
  std::string_view site = "-";
  if (transaction != nullptr) {
    timing = transaction->timing;
    if (transaction->route) site = transaction->route->site;
  }
  tell_outcome(context_, {message_, recipient, outcome, site, transaction, relay, timing}, now);
  if (context_.log.is_on(LogLevel::Info))
    context_.log.info(outcome_line(message_, recipient, outcome, site, relay, timing, now));
}

void Delivery::note_commit(TimePoint now) {
  if (has_committed_) return;
  has_committed_ = true;
  for (auto& transaction : transactions_)
    if (transaction.state == TransactionState::Waiting && transaction.site != nullptr)
      transaction.site->wait_at_most_until(transaction, after(now, wait_after_a_commit));
}

void Delivery::forget_listener(TimePoint now) {
  listener_ = nullptr;
  end_questions(Outcome::local(451, {4, 3, 0}, "the MTA closed the connection"), now);
}

void Delivery::end_questions(Outcome const& outcome, TimePoint now) {
  for (auto& group : groups_) group->drop(outcome, now);
}

Transaction& Delivery::add_transaction(TimePoint now) {
  auto& transaction = transactions_.emplace_back();
  transaction.delivery = this;
  transaction.timing = {accepted_at_, now, accepted_at_, {}};
  transaction.give_up_at = after(accepted_at_, longest_before_commit);
  return transaction;
}

}  // namespace mailpool::delivery
