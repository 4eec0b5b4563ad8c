#pragma once

#include <memory>
#include <string>

#include "core/delivery/dispatcher.h"

namespace mailpool::delivery {

/// A domain that DNS gave no answer for, asked again without any of its messages: once there is an
/// answer, those that wait in the MTA's queue come at once.
class Dispatcher::LookUp final : public route::RouteListener {
 public:
  LookUp(Dispatcher& dispatcher, std::string lane, TimePoint now);
  void on_route(std::shared_ptr<route::Route const>) override { answered(); }
  void on_no_route(Outcome outcome) override;
  [[nodiscard]] bool is_over() const { return is_over_; }

 private:
  void answered();

  Dispatcher& dispatcher_;
  std::string lane_;
  bool is_over_ = false;
  std::unique_ptr<route::Question> question_;
};

}  // namespace mailpool::delivery
