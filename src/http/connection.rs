//! Connections, and an end for those that are held for nothing.
//!
//! actix-web itself gives up on a connection's first head and on one that idles between requests. Nothing ends a later
//! head that never comes to its end, a body that nobody reads any more, or an answer that the client does not take. So
//! every connection is noted with when something last happened on it (a request began, a piece of a body came, a stream
//! told something), and those on which nothing happens are shut down.

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::{net, time};

/// Looks at all connections within the time in which something must happen.
const LOOKS: u32 = 4;

/// The connections that are open.
#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<Vec<Weak<Connection>>>,
    /// Looks taken so far: the clock of connections.
    looks: Arc<AtomicU32>,
}

/// One connection. It has a descriptor of its own, by which it can be shut down from outside.
#[derive(Debug)]
pub(super) struct Connection {
    socket: TcpStream,
    looks: Arc<AtomicU32>,
    /// The look before which something last happened.
    last: AtomicU32,
}

impl Connection {
    /// Something happens.
    pub(super) fn moves(&self) {
        let now = self.looks.load(Ordering::Relaxed);
        self.last.store(now, Ordering::Relaxed);
    }
}

impl Connections {
    /// Notes a new connection among what its requests know of it. One for which no descriptor is left goes unnoted.
    pub fn note(&self, stream: &dyn Any, known: &mut Extensions) {
        let plain = stream.downcast_ref::<net::TcpStream>();
        let secured = stream.downcast_ref::<TlsStream<net::TcpStream>>();
        let stream = plain.or_else(|| secured.map(|stream| stream.get_ref().0));
        let socket = stream.and_then(|stream| stream.as_fd().try_clone_to_owned().ok());
        let Some(socket) = socket.map(TcpStream::from) else {
            return;
        };
        let connection = Arc::new(Connection {
            socket,
            looks: Arc::clone(&self.looks),
            last: AtomicU32::new(self.looks.load(Ordering::Relaxed)),
        });
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(Arc::downgrade(&connection));
        known.insert(connection);
    }

    /// Shuts down, for ever, connections on which nothing has happened for so long, or for a quarter longer.
    pub async fn watch(self: Arc<Self>, patience: Duration) {
        loop {
            time::sleep(patience / LOOKS).await;
            self.look();
        }
    }

    fn look(&self) {
        let now = self.looks.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|connection| {
            let Some(connection) = connection.upgrade() else {
                return false;
            };
            let is_held = now.wrapping_sub(connection.last.load(Ordering::Relaxed)) > LOOKS;
            if is_held {
                // One that is closed already is as good.
                drop(connection.socket.shutdown(Shutdown::Both));
            }
            !is_held
        });
    }
}
