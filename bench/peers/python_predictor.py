# A predictor as people write it in Python: paho and scikit-learn's naive Bayes, one message at a time.
import csv
import json
import sys

import paho.mqtt.client as mqtt
from sklearn.naive_bayes import GaussianNB

url, name, password_file, model, data_file = sys.argv[1:6]
host, port = url.removeprefix("mqtt://").split(":")

with open(data_file) as file:
    rows = [row for row in csv.reader(file) if len(row) == 61 and row[-1] in ("metal", "rock", "M", "R")]
classifier = GaussianNB()
classifier.fit([[float(value) for value in row[:-1]] for row in rows], [row[-1] for row in rows])


def on_connect(client, userdata, flags, code):
    client.subscribe(f"$share/predictors/echolot/v1/readings/+/{model}", qos=1)


def on_message(client, userdata, message):
    reading = json.loads(message.payload)
    scores = classifier.predict_proba([reading["values"]])[0]
    best = scores.argmax()
    answer = {
        "id": reading["id"],
        "label": classifier.classes_[best],
        "score": scores[best],
        "scores": dict(zip(classifier.classes_, scores)),
        "agent": name,
    }
    client.publish(message.topic.replace("readings", "replies"), json.dumps(answer), qos=message.qos)


client = mqtt.Client(client_id=name)
client.username_pw_set(name, open(password_file).read().strip())
client.on_connect = on_connect
client.on_message = on_message
client.connect(host, int(port))
client.loop_forever()
