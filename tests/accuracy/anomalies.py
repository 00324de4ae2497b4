"""All scenarios of anomalies: importing a module registers its own."""
import anomalies_close
import anomalies_server
import anomalies_client
import anomalies_path
import anomalies_field
import anomalies_http2
import anomalies_websocket
from scenario import ANOMALIES

__all__ = ["ANOMALIES", "anomalies_close", "anomalies_server", "anomalies_client", "anomalies_path", "anomalies_field", "anomalies_http2",
           "anomalies_websocket"]
