import sys, time, pika
from pika.exceptions import *
host, port = sys.argv[1], int(sys.argv[2])

def open_(**more):
    parameters = pika.ConnectionParameters(host, port, credentials=pika.PlainCredentials('guest', 'guest'), **more)
    return pika.BlockingConnection(parameters)

def persistent(**more): return pika.BasicProperties(delivery_mode=2, **more)

def get(channel, queue, patience=5):
    end = time.time() + patience
    while True:
        method, properties, body = channel.basic_get(queue, auto_ack=True)
        if method or time.time() > end: return method, properties, body
        time.sleep(0.02)

def texts(channel, queue, count): return [get(channel, queue)[2].decode() for _ in range(count)]

connection = open_(heartbeat=2)
# A queue, a confirmed message, a consumer, an acknowledgement.
channel = connection.channel()
channel.confirm_delivery()
print(channel.queue_declare('q', durable=True).method.message_count)
channel.basic_publish('', 'q', b'one', persistent(content_type='text/plain', headers={'n': 1, 'list': [1, 'two', {'three': True}]}))
for method, properties, body in channel.consume('q'):
    print(body.decode(), properties.content_type, properties.headers, method.exchange == '', method.routing_key, method.redelivered)
    channel.basic_ack(method.delivery_tag)
    break
channel.cancel()
channel.basic_publish('', 'q', b'x' * 300000, persistent())
print(len(get(channel, 'q')[2]))
print(channel.basic_get('q'))

# The four kinds of exchanges, and one behind another.
for kind, key, arguments in (('direct', 'k', None), ('fanout', '', None), ('topic', '*.b.#', None),
                             ('headers', '', {'x-match': 'any', 'colour': 'red'})):
    name = 'x-' + kind
    channel.exchange_declare(name, kind, durable=True)
    queue = channel.queue_declare('', exclusive=True).method.queue
    channel.queue_bind(queue, name, key, arguments)
    for sent, headers in (('k', {}), ('a.b', {}), ('a.b.c', {}), ('z', {'colour': 'red'})):
        channel.basic_publish(name, sent, sent.encode(), pika.BasicProperties(headers=headers))
    found = []
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if not method: break
        found.append((method.exchange, method.routing_key))
    print(kind, found)
channel.exchange_declare('first', 'fanout')
channel.exchange_declare('unrouted', 'fanout')
channel.exchange_declare('second', 'direct', auto_delete=True, arguments={'alternate-exchange': 'unrouted'})
channel.exchange_bind('second', 'first')
queue = channel.queue_declare('', exclusive=True).method.queue
channel.queue_bind(queue, 'second', 'only')
channel.queue_bind(queue, 'unrouted')
channel.basic_publish('first', 'only', b'bound')
channel.basic_publish('second', 'else', b'alternate')
print(texts(channel, queue, 2))

# What nothing is bound for comes back.
try: channel.basic_publish('x-direct', 'nobody', b'back', mandatory=True)
except UnroutableError as error: print('returned', error.messages[0].method.reply_code, error.messages[0].body)

# Prefetch, redelivery, rejection.
channel = connection.channel()
channel.queue_declare('work', durable=True)
for number in range(5): channel.basic_publish('', 'work', str(number).encode(), persistent())
channel.basic_qos(prefetch_count=2)
got = []
tag = channel.basic_consume('work', lambda c, method, p, body: got.append((method.delivery_tag, method.redelivered, body)))
def until(count):
    end = time.time() + 5
    while len(got) < count and time.time() < end: connection.process_data_events(0.05)
until(2); connection.process_data_events(0.2)
print(len(got))
channel.basic_ack(2, multiple=True); until(4)
channel.basic_nack(3, requeue=True); until(5)
print(got)
channel.basic_cancel(tag)
print(channel.queue_declare('work', passive=True).method.message_count)
channel.basic_recover(requeue=True)
print(sorted(texts(channel, 'work', 3)))

# A channel's transaction.
channel.tx_select()
channel.basic_publish('', 'work', b'never', persistent())
channel.tx_rollback()
channel.basic_publish('', 'work', b'committed', persistent())
print(channel.basic_get('work')[0])
channel.tx_commit()
method, _, body = channel.basic_get('work')
channel.basic_ack(method.delivery_tag)
channel.tx_rollback()
channel.basic_ack(method.delivery_tag)
channel.tx_commit()
print(body, channel.queue_declare('work', passive=True).method.message_count)

# Dead letters: refused, expired, too many.
channel = connection.channel()
channel.exchange_declare('dead', 'fanout', durable=True)
channel.queue_declare('graves', durable=True)
channel.queue_bind('graves', 'dead')
def deaths(properties): return [(d['queue'], d['reason'], int(d['count']), d['exchange'], d['routing-keys']) for d in properties.headers['x-death']]
def mortal(name, **arguments):
    arguments = {'x-' + key.replace('_', '-'): value for key, value in arguments.items()}
    channel.queue_declare(name, durable=True, arguments={'x-dead-letter-exchange': 'dead', **arguments})
mortal('refuses')
channel.basic_publish('', 'refuses', b'refused', persistent())
channel.basic_reject(channel.basic_get('refuses')[0].delivery_tag, requeue=False)
_, properties, body = get(channel, 'graves'); print(body, deaths(properties), properties.headers['x-first-death-reason'])
mortal('short', message_ttl=50, dead_letter_routing_key='buried')
channel.basic_publish('', 'short', b'expired', persistent())
method, properties, body = get(channel, 'graves'); print(body, deaths(properties), method.routing_key)
channel.queue_declare('own', arguments={'x-dead-letter-exchange': 'dead'})
channel.basic_publish('', 'own', b'own', pika.BasicProperties(expiration='50'))
_, properties, body = get(channel, 'graves'); print(body, deaths(properties), properties.expiration, properties.headers['x-death'][0]['original-expiration'])
mortal('few', max_length=2)
for number in range(3): channel.basic_publish('', 'few', str(number).encode(), persistent())
_, properties, body = get(channel, 'graves'); print(body, deaths(properties), texts(channel, 'few', 2))
mortal('bytes', max_length_bytes=10)
for letter in (b'a', b'b'): channel.basic_publish('', 'bytes', letter * 8, persistent())
print(get(channel, 'graves')[2], texts(channel, 'bytes', 1))
channel.queue_declare('full', arguments={'x-max-length': 1, 'x-overflow': 'reject-publish'})
confirming = connection.channel(); confirming.confirm_delivery()
confirming.basic_publish('', 'full', b'first')
try: confirming.basic_publish('', 'full', b'second')
except NackError: print('rejected', texts(channel, 'full', 1))

# Priorities, one active consumer, ends of queues.
channel.queue_declare('ranks', arguments={'x-max-priority': 9})
for priority in (None, 1, 9, 5): channel.basic_publish('', 'ranks', str(priority).encode(), pika.BasicProperties(priority=priority))
print(texts(channel, 'ranks', 4))
channel.queue_declare('single', arguments={'x-single-active-consumer': True})
turns = []
first = channel.basic_consume('single', lambda c, m, p, b: turns.append('first'), auto_ack=True)
second = channel.basic_consume('single', lambda c, m, p, b: turns.append('second'), auto_ack=True)
for _ in range(3): channel.basic_publish('', 'single', b'')
end = time.time() + 5
while len(turns) < 3 and time.time() < end: connection.process_data_events(0.05)
channel.basic_cancel(first)
channel.basic_publish('', 'single', b'')
while len(turns) < 4 and time.time() < end: connection.process_data_events(0.05)
print(turns)
def gone(queue):
    end = time.time() + 5
    while time.time() < end:
        probe = connection.channel()
        try: probe.queue_declare(queue, passive=True); probe.close()
        except ChannelClosedByBroker as error: return error.reply_code
        time.sleep(0.05)
channel.queue_declare('idle', arguments={'x-expires': 100})
print(gone('idle'))
channel.queue_declare('auto', auto_delete=True)
channel.basic_cancel(channel.basic_consume('auto', print))
print(gone('auto'))
cancelled = []
channel.queue_declare('taken')
channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.NAME))
channel.basic_consume('taken', print)
connection.channel().queue_delete('taken')
end = time.time() + 5
while not cancelled and time.time() < end: connection.process_data_events(0.05)
print(cancelled)

# Mistakes: the code and the words.
other = open_()
connection.channel().queue_declare('mine', exclusive=True)
held = connection.channel(); held.queue_declare('held'); held.basic_consume('held', print, exclusive=True)
held.basic_publish('', 'work', b'x', persistent())
def fails(act, on=other):
    try: act(on.channel())
    except (ChannelClosedByBroker, ConnectionClosedByBroker) as error: print(error.reply_code, error.reply_text)
fails(lambda c: c.queue_declare('nowhere', passive=True))
fails(lambda c: c.exchange_declare('nowhere', passive=True))
fails(lambda c: c.queue_bind('q', 'nowhere'))
fails(lambda c: (c.basic_publish('nowhere', 'k', b''), c.queue_declare('q', passive=True)))
fails(lambda c: c.queue_declare('mine', passive=True))
fails(lambda c: c.queue_declare('q', durable=False))
fails(lambda c: c.queue_declare('q', durable=True, arguments={'x-max-length': 1}))
fails(lambda c: c.exchange_declare('x-direct', 'fanout', durable=True))
fails(lambda c: c.queue_declare('amq.mine'))
fails(lambda c: c.exchange_declare('amq.mine', 'direct'))
fails(lambda c: c.exchange_delete('amq.direct'))
fails(lambda c: c.basic_consume('held', print))
fails(lambda c: (c.basic_ack(7), c.queue_declare('q', passive=True)))
fails(lambda c: c.queue_delete('held', if_unused=True))
fails(lambda c: c.queue_delete('work', if_empty=True))
fails(lambda c: (c.basic_publish('', 'q', b'', pika.BasicProperties(expiration='soon')), c.queue_declare('q', passive=True)))
fails(lambda c: (c.confirm_delivery(), c.tx_select()))
fails(lambda c: c.tx_commit())
fails(lambda c: c.basic_qos(prefetch_size=1), open_())
fails(lambda c: (c.basic_publish('', 'q', b'', immediate=True) if False else c.exchange_declare('y', 'sideways')), open_())
print(other.is_open, connection.is_open)
try: open_(virtual_host='elsewhere')
except ConnectionClosedByBroker as error: print(error.reply_code, error.reply_text)
except AMQPConnectionError as error: print(type(error).__name__)

# Whoever is quiet is still there.
time.sleep(0.1)
connection.process_data_events(2.5)
print(connection.is_open)
connection.close(); other.close()
