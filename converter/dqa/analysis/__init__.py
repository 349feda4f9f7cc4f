"""`dqa analyze`: what a float network would take, before there is any data."""
