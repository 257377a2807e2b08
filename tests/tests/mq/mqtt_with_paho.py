"""What an MQTT client written by others sees: MQTT 3.1.1 and 5, QoS 0 to 2, what is retained, sessions, groups, wills."""
import queue, sys, time
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

host, port = sys.argv[1], int(sys.argv[2])
V3, V5 = mqtt.MQTTv311, mqtt.MQTTv5


class Client(mqtt.Client):
    def __init__(self, name, version=V5, clean=True, expiry=0, **settings):
        first = {'clean_session': clean} if version == V3 else {}
        super().__init__(CallbackAPIVersion.VERSION2, client_id=name, protocol=version, **first)
        self.messages, self.answers, self.subscribed, self.left = (queue.Queue() for _ in range(4))
        self.on_message = lambda c, u, m: self.messages.put(m)
        self.on_connect = lambda c, u, f, reason, p: self.answers.put((f.session_present, str(reason), p))
        self.on_subscribe = lambda c, u, mid, reasons, p: self.subscribed.put([str(r) for r in reasons])
        self.on_unsubscribe = lambda c, u, mid, reasons, p: self.subscribed.put([str(r) for r in reasons])
        self.on_disconnect = lambda c, u, f, reason, p: self.left.put(str(reason))
        will = settings.pop('will', None)
        if will:
            self.will_set(**will)
        more = {}
        if version == V5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = expiry
            for key, value in settings.items():
                setattr(properties, key, value)
            more = {'clean_start': clean, 'properties': properties}
        self.connect(host, port, **more)
        self.loop_start()
        self.present, self.reason, self.said = self.answers.get(timeout=20)

    def sub(self, *args, **named):
        self.subscribe(*args, **named)
        return self.subscribed.get(timeout=20)

    def pub(self, topic, body, qos=0, **named):
        self.publish(topic, body, qos=qos, **named).wait_for_publish(20)

    def take(self):
        return self.messages.get(timeout=20)

    def bye(self):
        self.disconnect()
        reason = self.left.get(timeout=20)
        self.loop_stop()
        return reason

    def quiet(self):
        """Nothing else comes: what is sent now is the next."""
        self.sub('quiet/' + str(id(self)))
        self.pub('quiet/' + str(id(self)), 'quiet')
        return self.take().payload == b'quiet'


def show(message):
    return f'{message.topic} {message.payload.decode()} {message.qos} {int(message.retain)}'


for version in (V3, V5):
    c = Client('basic', version)
    print('basic', c.reason, c.sub([('t/+', 1), ('u/#', 2), ('v', 0)]))
    for topic in ('t/x', 'u', 'u/y/z', 'v'):
        for qos in (0, 1, 2):
            c.pub(topic, 'body', qos)
            print(show(c.take()))
    c.unsubscribe('v')
    c.subscribed.get(timeout=20)
    c.pub('v', 'nobody', 1)
    print('quiet', c.quiet(), c.bye())

a = Client('a')
a.pub('r/1', 'one', 1, retain=True)
a.pub('r/2', 'two', 0, retain=True)
a.sub('r/#', qos=1)
print('retained', sorted(show(a.take()) for _ in range(2)))
a.pub('r/1', b'', 1, retain=True)
print('emptied', show(a.take()))
b = Client('b')
b.sub('r/+')
print('left', show(b.take()), b.quiet())

for version, lasting in ((V3, {}), (V5, {'expiry': 100})):
    s = Client('lasting', version, clean=False, **lasting)
    s.sub('d/#', qos=2)
    s.bye()
    for qos in (1, 2):
        a.pub('d/x', 'while away', qos)
    s = Client('lasting', version, clean=False, **lasting)
    print('lasting', s.present, sorted(show(s.take()) for _ in range(2)), s.quiet())
    other = Client('lasting', version, clean=False, **lasting)
    print('taken over', other.present, version == V3 or s.left.get(timeout=20))
    s.loop_stop()
    other.bye()
    print('fresh', Client('lasting', version).present)

group = [Client(f'g{n}') for n in range(2)]
for member in group:
    member.sub('$share/group/s/#', qos=1)
for n in range(10):
    a.pub('s/x', str(n), 1)
bodies = [sorted(int(m.take().payload) for _ in range(5)) for m in group]
print('group', sorted(sum(bodies, [])), [m.quiet() for m in group])

b.sub('p', qos=1)
properties = Properties(PacketTypes.PUBLISH)
properties.ContentType = 'text/x'
properties.UserProperty = [('k', 'v'), ('k', 'w')]
properties.ResponseTopic = 're/x'
properties.CorrelationData = b'\xff\x01'
properties.MessageExpiryInterval = 50
properties.PayloadFormatIndicator = 1
a.pub('p', 'x', 1, properties=properties)
p = b.take().properties
print('properties', p.ContentType, p.UserProperty, p.ResponseTopic, p.CorrelationData, 0 < p.MessageExpiryInterval <= 50,
      p.PayloadFormatIndicator)

a.sub('own', options=SubscribeOptions(qos=1, noLocal=True))
a.pub('own', 'not to me', 1)
print('no local', a.quiet())
print('assigned', Client('').said.AssignedClientIdentifier.startswith('auto-'))

properties = Properties(PacketTypes.PUBLISH)
properties.TopicAlias = 3
b.sub('alias/#')
a.pub('alias/x', '1', properties=properties)
a.pub('', '2', properties=properties)
print('alias', show(b.take()), show(b.take()))

small = Client('small', MaximumPacketSize=50)
small.sub('size')
a.pub('size', 'x' * 100)
a.pub('size', 'fits')
print('size', show(small.take()))
slow = Client('slow', ReceiveMaximum=1)
slow.sub('flow', qos=2)
for n in range(5):
    a.pub('flow', str(n), 2)
print('flow', [show(slow.take()) for _ in range(5)])
