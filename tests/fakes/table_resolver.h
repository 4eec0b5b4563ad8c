#pragma once
// A DNS resolver that answers from a table: at once, or when the test says so.

#include <algorithm>
#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/route/resolver.h"

namespace mailpool::fakes {

/// What is not in the table does not exist (NXDOMAIN); a name that is in it has NoData for the
/// other types.
class TableResolver : public route::Resolver {
 public:
  using Family = IpAddress::Family;

  bool answers_at_once = true;
  bool is_signed = false;     ///< what is put into the table from now on: validated by DNSSEC
  std::size_t questions = 0;  ///< asked so far
  std::size_t dropped = 0;    ///< given up before their answer

  void mx(std::string const& domain, std::vector<route::MxRecord> records,
          Duration ttl = std::chrono::minutes(5)) {
    route::MxAnswer answer;
    answer.status = route::DnsStatus::Answer;
    answer.records = std::move(records);
    answer.ttl = ttl;
    answer.secure = is_signed;
    mx_[domain] = std::move(answer);
  }
  void mx_answer(std::string const& domain, route::MxAnswer answer) {
    mx_[domain] = std::move(answer);
  }
  void mx_fails(std::string const& domain, route::DnsStatus status, std::string why = "SERVFAIL") {
    route::MxAnswer answer;
    answer.status = status;
    answer.why = std::move(why);
    mx_[domain] = std::move(answer);
  }
  void host(std::string const& name, std::vector<std::string> const& addresses,
            Duration ttl = std::chrono::minutes(5)) {
    for (auto const family : {Family::V4, Family::V6}) {
      route::AddressAnswer answer;
      for (auto const& text : addresses)
        if (auto const a = IpAddress::parse(text).value(); a.family() == family)
          answer.addresses.push_back(a);
      answer.status =
          answer.addresses.empty() ? route::DnsStatus::NoData : route::DnsStatus::Answer;
      answer.ttl = ttl;
      answer.secure = is_signed;
      answer.canonical = name;
      hosts_[{name, family}] = std::move(answer);
    }
  }
  void host_fails(std::string const& name, Family family,
                  route::DnsStatus status = route::DnsStatus::Failure,
                  std::string why = "SERVFAIL") {
    route::AddressAnswer answer;
    answer.status = status;
    answer.why = std::move(why);
    hosts_[{name, family}] = std::move(answer);
  }
  void host_fails(std::string const& name) {
    host_fails(name, Family::V4);
    host_fails(name, Family::V6);
  }

  /// TLSA, TXT and the like, which are always answered at once.
  void record(std::string const& name, std::uint16_t type, std::vector<std::string> rdata,
              Duration ttl = std::chrono::minutes(5)) {
    route::RecordAnswer answer;
    answer.status = rdata.empty() ? route::DnsStatus::NoData : route::DnsStatus::Answer;
    answer.records = std::move(rdata);
    answer.ttl = ttl;
    answer.secure = is_signed;
    records_[{name, type}] = std::move(answer);
  }
  void record_fails(std::string const& name, std::uint16_t type, route::DnsStatus status) {
    auto& answer = records_[{name, type}];
    answer = {};
    answer.status = status;
    answer.why = route::name_of(status);
  }

  /// Answers what waits, and what is asked because of it.
  void answer_all() {
    while (answer_one()) {
    }
  }
  /// Answers the oldest question; false if none waits.
  bool answer_one() {
    if (waiting_.empty()) return false;
    auto const waiting = waiting_.front();
    waiting_.pop_front();
    waiting.question->resolver = nullptr;
    if (waiting.mx != nullptr) {
      waiting.mx->on_mx(mx_of(waiting.name));
    } else {
      waiting.addresses->on_addresses(addresses_of(waiting.name, waiting.family));
    }
    return true;
  }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  std::unique_ptr<route::Question> mx(std::string const& domain,
                                      route::MxListener& listener) override {
    ++questions;
    if (answers_at_once) {
      listener.on_mx(mx_of(domain));
      return nullptr;
    }
    return wait({domain, Family::V4, &listener, nullptr, nullptr});
  }
  std::unique_ptr<route::Question> addresses(std::string const& host, Family family,
                                             route::AddressListener& listener) override {
    ++questions;
    if (answers_at_once) {
      listener.on_addresses(addresses_of(host, family));
      return nullptr;
    }
    return wait({host, family, nullptr, &listener, nullptr});
  }
  std::unique_ptr<route::Question> records(std::string const& name, std::uint16_t type,
                                           route::RecordListener& listener) override {
    ++questions;
    route::RecordAnswer nothing;
    nothing.status = route::DnsStatus::NoName;
    nothing.secure = true;
    nothing.ttl = std::chrono::minutes(5);
    auto const found = records_.find({name, type});
    listener.on_records(found == records_.end() ? nothing : found->second);
    return nullptr;
  }

 private:
  struct Asked final : route::Question {
    ~Asked() override {
      if (resolver != nullptr) resolver->drop(this);
    }
    TableResolver* resolver = nullptr;
  };
  struct Waiting {
    std::string name;
    Family family;
    route::MxListener* mx;
    route::AddressListener* addresses;
    Asked* question;
  };

  std::unique_ptr<route::Question> wait(Waiting waiting) {
    auto question = std::make_unique<Asked>();
    question->resolver = this;
    waiting.question = question.get();
    waiting_.push_back(std::move(waiting));
    return question;
  }
  void drop(Asked const* question) {
    ++dropped;
    waiting_.remove_if([&](Waiting const& w) { return w.question == question; });
  }
  [[nodiscard]] route::MxAnswer mx_of(std::string const& domain) const {
    if (auto const found = mx_.find(domain); found != mx_.end()) return found->second;
    route::MxAnswer answer;
    answer.status =
        hosts_.contains({domain, Family::V4}) ? route::DnsStatus::NoData : route::DnsStatus::NoName;
    answer.ttl = std::chrono::minutes(5);
    return answer;
  }
  [[nodiscard]] route::AddressAnswer addresses_of(std::string const& host, Family family) const {
    if (auto const found = hosts_.find({host, family}); found != hosts_.end()) return found->second;
    route::AddressAnswer answer;
    answer.status = mx_.contains(host) ? route::DnsStatus::NoData : route::DnsStatus::NoName;
    answer.ttl = std::chrono::minutes(5);
    return answer;
  }

  std::map<std::string, route::MxAnswer> mx_;
  std::map<std::pair<std::string, Family>, route::AddressAnswer> hosts_;
  std::map<std::pair<std::string, std::uint16_t>, route::RecordAnswer> records_;
  std::list<Waiting> waiting_;
};

}  // namespace mailpool::fakes
