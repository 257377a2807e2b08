# Comes again by itself, in both versions, with a session that outlives its connections.
import os, queue, socket, sys
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

host, port = sys.argv[1], int(sys.argv[2])


def cut():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.environ['ORDERS'])
        s.sendall(os.environ['CUT'].encode() + b'\n')
        while s.recv(1000): pass


class Client(mqtt.Client):
    def __init__(self, version):
        first = {'clean_session': False} if version == mqtt.MQTTv311 else {}
        super().__init__(CallbackAPIVersion.VERSION2, f'again{version}', protocol=version, manual_ack=True, **first)
        self.entered, self.messages, self.published, self.subscribed = (queue.Queue() for _ in range(4))
        self.on_connect = lambda c, u, flags, reason, p: self.entered.put(flags.session_present)
        self.on_message = lambda c, u, m: self.messages.put(m)
        self.on_publish = lambda c, u, mid, reason, p: self.published.put(mid)
        self.on_subscribe = lambda c, u, mid, reasons, p: self.subscribed.put(mid)
        self.reconnect_delay_set(0.1, 1)
        more = {}
        if version == mqtt.MQTTv5:
            more = {'clean_start': mqtt.MQTT_CLEAN_START_FIRST_ONLY, 'properties': Properties(PacketTypes.CONNECT)}
            more['properties'].SessionExpiryInterval = 100
        self.connect(host, port, **more)
        self.loop_start()

    def sure(self, topic):
        """All that was said before is done."""
        self.subscribe(topic, qos=2)
        self.subscribed.get(timeout=20)

    def take(self):
        m = self.messages.get(timeout=20)
        print(m.payload.decode(), m.qos, m.dup)
        return m

    def send(self, body, qos):
        """Also while it is away: then it is sent when it is back."""
        self.publish(self.topic, body, qos)
        self.published.get(timeout=20)

    def back(self):
        cut()
        print('back', self.entered.get(timeout=20))


for version in (mqtt.MQTTv311, mqtt.MQTTv5):
    c = Client(version)
    c.topic = f'again/{version}'
    print('new', c.entered.get(timeout=20))
    c.sure(c.topic)
    c.send('not acknowledged', 1)
    c.take()
    c.back()
    c.ack(c.take().mid, 1)
    c.sure('nothing')
    # What is exactly once has come already: only the rest of its acknowledgement is said again.
    c.send('not completed', 2)
    mid = c.take().mid
    c.back()
    c.ack(mid, 2)
    c.sure('nothing')
    c.send('confirmed', 1)
    c.ack(c.take().mid, 1)
    c.sure('nothing')
    cut()
    c.publish(c.topic, 'sent while away', 2)
    print('back', c.entered.get(timeout=20))
    c.published.get(timeout=20)
    c.ack(c.take().mid, 2)
    c.sure('nothing')
    c.disconnect()
    c.loop_stop()
