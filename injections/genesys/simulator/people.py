"""Names for agents and callers, and the queues; the demo's seed has the same queues."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue of the contact centre."""

    id: str
    name: str


QUEUES = (
    Queue("5e9d2c00-cccc-4d4d-8e8e-0000000000c3", "Cards"),
    Queue("5e9d2c00-cccc-4d4d-8e8e-0000000000c4", "Mortgages"),
    Queue("5e9d2c00-cccc-4d4d-8e8e-0000000000c5", "Collections"),
    Queue("5e9d2c00-cccc-4d4d-8e8e-0000000000c6", "Fraud desk"),
)
DIVISION_ID = "11112222-3333-4444-8555-0000000000d4"
SCRIPT_ID = "2b2b2b2b-0000-4000-8000-0000000000e6"
SERVICE_NUMBER = "tel:+13175550100"

AGENT_NAMES = (
    "Amara Okafor", "Ben Whitfield", "Chen Yu-ting", "Daniela Rojas", "Emeka Nwosu",
    "Fatima Zahra Bennani", "Gwen Pritchard", "Hiroshi Tanaka", "Ingrid Solberg",
    "Jamal Washington", "Katarzyna Nowak", "Liam O'Connor", "Mei-Ling Zhou", "Noor Al-Amin",
    "Oluwaseun Adeyemi", "Priya Raghunathan", "Quentin Lefèvre", "Rosa Delgado", "Søren Kjær",
    "Thandiwe Mokoena", "Uma Krishnan", "Vikram Sethi", "Wanda Kowalczyk", "Ximena Castañeda",
    "Yusuf Demir", "Zoë Vandenberg", "Aisha Mohamud", "Bogdan Ionescu", "Carmen Villanueva",
    "Dmitri Volkov", "Elif Yıldız", "Femi Balogun", "Giulia Ferraro", "Hannah Lindqvist",
    "Isaac Mensah", "Joanna Papadopoulou", "Kwame Boateng", "Leilani Kahale", "Marcus Bell",
    "Nadia Haddad", "Oscar Lundgren", "Paloma Serrano", "Rahul Deshpande", "Siobhán Gallagher",
    "Tomás Herrera", "Valentina Moretti", "Winston Clarke", "Yara Haidari", "Zachary Stone",
    "Anh Nguyen",
)  # fmt: skip
CALLER_NAMES = (
    "Alice Morgan", "Robert Hale", "Grace Kim", "Samuel Ortiz", "Helen Novak", "Peter Lang",
    "Maria Santos", "David Cole", "Irene Walsh", "Thomas Berg", "Lucia Marin", "George Ames",
    "Naomi Frost", "Carl Jensen", "Ruth Adler", "Simon Yates", "Clara Dunn", "Victor Hugo Reyes",
    "Joyce Tran", "Edgar Pope", "Wireless Caller", "Unknown",
)  # fmt: skip
