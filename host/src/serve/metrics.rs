//! What is counted, in the text format of Prometheus.

use std::fmt::Write;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// A request by what was asked and what was answered.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: String,
    /// The path as the description of the API has it; `other` for one that it does not have.
    path: String,
    status: u16,
}

/// All that is counted.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    seconds: Histogram,
    /// Connections that are open.
    pub connections: Gauge,
    /// Rows that wait to be scored, once for each context.
    pub queue_rows: Gauge,
    /// Requests that found the queue full.
    pub refused: Counter,
    /// Rows that were scored, once for each context.
    pub scored_rows: Counter,
    /// Passes in which they were.
    pub passes: Counter,
    /// Runs that wait or run.
    pub active_runs: Gauge,
}

impl Metrics {
    /// With nothing counted.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("ft_host");
        let metrics = Self {
            requests: Family::default(),
            // From a millisecond to a minute.
            seconds: Histogram::new((0..16).map(|power| 0.001 * f64::from(1 << power))),
            connections: Gauge::default(),
            queue_rows: Gauge::default(),
            refused: Counter::default(),
            scored_rows: Counter::default(),
            passes: Counter::default(),
            active_runs: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests that were answered", metrics.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "Time from a request's head to its answer's",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        registry.register("connections", "Connections that are open", metrics.connections.clone());
        registry.register("queue_rows", "Rows that wait to be scored", metrics.queue_rows.clone());
        registry.register("queue_full", "Requests that found no room in the queue", metrics.refused.clone());
        registry.register("scored_rows", "Rows that were scored, once for each context", metrics.scored_rows.clone());
        registry.register("passes", "Passes in which rows were scored", metrics.passes.clone());
        registry.register("active_runs", "Runs that wait or run", metrics.active_runs.clone());
        Self { registry, ..metrics }
    }

    /// Counts a request.
    pub fn answered(&self, method: &str, path: Option<&str>, status: u16, took: Duration) {
        let path = path.unwrap_or("other").to_owned();
        // Whatever a client makes up is one method.
        let method = if ["GET", "POST", "DELETE", "HEAD"].contains(&method) { method } else { "other" }.to_owned();
        self.requests.get_or_create(&Answered { method, path, status }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// All counts as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a text fails nowhere.
        if encode(&mut text, &self.registry).is_err() {
            let _ = text.write_str("# the counts cannot be written\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_named_and_of_few_labels() {
        let metrics = Metrics::new();
        metrics.answered("GET", Some("/v1/runs/{id}"), 200, Duration::from_millis(3));
        metrics.answered("GET", Some("/v1/runs/{id}"), 200, Duration::from_millis(3));
        metrics.answered("BREW", None, 404, Duration::from_secs(100));
        metrics.queue_rows.inc_by(7);
        let text = metrics.text();
        let has = |line: &str| assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        has(r#"ft_host_requests_total{method="GET",path="/v1/runs/{id}",status="200"} 2"#);
        has(r#"ft_host_requests_total{method="other",path="other",status="404"} 1"#);
        has(r#"ft_host_request_duration_seconds_bucket{le="0.004"} 2"#);
        has(r#"ft_host_request_duration_seconds_bucket{le="+Inf"} 3"#);
        has("ft_host_queue_rows 7");
    }
}
