//! Connections, and what is done with every request before and after its handler.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::api;
use super::error::ApiError;
use super::guard::{self, Guard, ReachedAt};
use super::metrics::Metrics;
use super::shared::Shared;

/// How long a client may take for a request's head, and sit on a connection without a request, if the time of a request is
/// not shorter.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a client may take nothing of an answer.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// How long the server waits after an error in taking a connection, e.g. too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// What the page may load and do: nothing that is not this server's.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Headers of every answer.
const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The paths of the page's files.
pub(super) fn page_paths() -> Vec<&'static str> {
    api::page::paths().collect()
}

/// Takes connections until the server is being stopped, then waits for those that are open to come to their ends.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, guard: Guard) {
    let app = app(shared.clone(), guard);
    let room = Arc::new(Semaphore::new(shared.config.limits.connections));
    let graceful = GracefulShutdown::new();
    let mut stopping = shared.stopping.clone();
    let head_time = HEAD_TIME.min(shared.config.limits.request_time);
    loop {
        // Who comes when all connections are in use waits in the system's queue.
        let next = async {
            let permit = room.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            // Also while all connections are in use: those that are open have to be told.
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        let Ok(permit) = permit else { break };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(reached) = stream.local_addr() else { continue };
        let app = app.clone();
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ReachedAt(reached));
            app.clone().oneshot(request.map(Body::new))
        });
        let connection = builder(head_time).serve_connection(TokioIo::new(Box::pin(with_time(stream))), service);
        let connection = graceful.watch(connection);
        let metrics = shared.metrics.clone();
        metrics.connections.inc();
        tokio::spawn(async move {
            // What goes wrong on a connection is the client's matter.
            let _ = connection.await;
            metrics.connections.dec();
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

fn builder(head_time: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_time).max_buf_size(64 << 10);
    builder
}

/// A stream on which a client that takes nothing of an answer is given up.
fn with_time(stream: TcpStream) -> TimeoutStream<TcpStream> {
    // Answers are whole when they are written.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME));
    stream
}

/// All paths, and what every request goes through: from the outside in.
fn app(shared: Arc<Shared>, guard: Guard) -> Router {
    let limits = shared.config.limits;
    let mut app = api::routes()
        .fallback(|| async { ApiError::not_found("expected a path of /openapi.json, got another") })
        .method_not_allowed_fallback(|| async { ApiError::method() })
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(middleware::from_fn_with_state(limits.request_time, in_time))
        .layer(middleware::from_fn_with_state(Arc::new(guard), guard::pass))
        .layer(middleware::from_fn_with_state(shared.metrics.clone(), counted))
        .layer(CatchPanicLayer::custom(|_| ApiError::failed("the program failed; stderr has more").into_response()));
    for (name, value) in HEADERS {
        app = app.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)));
    }
    app.with_state(shared)
}

/// Ends requests that take too long, those among them whose bodies do not arrive.
async fn in_time(State(time): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::too_slow().into_response(),
    }
}

/// Counts requests.
async fn counted(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    metrics.answered(method.as_str(), path.as_deref(), response.status().as_u16(), started.elapsed());
    response
}
